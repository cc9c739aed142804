import { MillraceError, deferred, type Clock } from '../../core/index.js';
import {
  ApplicationManagerServiceClient,
  Command,
  bytesToFloats,
  dial,
  floatsToBytes,
  fromStatus,
  maxChunkBytes,
  unary,
  type CallLimits,
  type ServiceError,
  type Tensor,
} from '../../rpc/index.js';
import type { ModelVersion } from '../../tensorflow/predictor.js';
import type { TensorValue } from '../../tensorflow/tensor-value.js';
import { elementCount } from '../parameters/segment.js';
import { splitRuns, type ModelPart } from './model-part.js';
import { nodeName, type NodeInfo } from './node-info.js';

export interface ClusterView {
  readonly state: string;
  readonly nodes: readonly NodeInfo[];
}

export type NodeCommand = 'none' | 'finish' | 'stop';

export interface HeartbeatOptions {
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Records consumed, or updates applied, so far. */
  progress(): number;
}

export interface HeartbeatEvents {
  command(command: NodeCommand): void;
  lost(error: MillraceError): void;
}

/** A stream that is open until its stop() is called. */
export interface Subscription {
  stop(): void;
}

/** A node's (or a scorer's) calls to the application manager. */
export class AmClient {
  readonly #client: ApplicationManagerServiceClient;
  readonly #deadlineMs: number;
  /** Streams that are open. */
  readonly #calls = new Set<{ cancel(): void }>();

  constructor(
    readonly address: string,
    readonly cluster: string,
    deadlineMs: number,
  ) {
    this.#client = dial(ApplicationManagerServiceClient, address);
    this.#deadlineMs = deadlineMs;
  }

  /** @returns the interval at which the manager expects beats, ms */
  async register(node: NodeInfo): Promise<number> {
    const response = await unary(this.#client.register.bind(this.#client), { cluster: this.cluster, node }, this.#limits('Register'));
    return response.heartbeatIntervalMs;
  }

  async finish(node: NodeInfo): Promise<void> {
    await unary(this.#client.finish.bind(this.#client), { node }, this.#limits('Finish'));
  }

  async reportFailure(node: NodeInfo, encodedError: string): Promise<void> {
    await unary(this.#client.reportFailure.bind(this.#client), { node, error: encodedError }, this.#limits('ReportFailure'));
  }

  /** Beats every `intervalMs` until stopped; `lost` where the manager refuses the node or is gone. */
  heartbeat(node: NodeInfo, { intervalMs, clock, progress }: HeartbeatOptions, on: HeartbeatEvents): Subscription {
    const call = this.#opened(this.#client.heartbeat());
    let stopped = false;
    let cancel = (): void => undefined;
    const lost = (error: MillraceError): void => {
      cancel();
      if (!stopped) on.lost(error);
      stopped = true;
    };
    const beat = (): void => {
      call.write({ node, progress: progress() });
      cancel = clock.after(intervalMs, beat);
    };
    call.on('data', ({ command }: { command: Command }) =>
      on.command(command === Command.COMMAND_FINISH ? 'finish' : command === Command.COMMAND_STOP ? 'stop' : 'none'),
    );
    const what = `${nodeName(node)}: heartbeat to the application manager at ${this.address}`;
    call.on('error', (error: ServiceError) => lost(fromStatus(error, what)));
    call.on('end', () => lost(new MillraceError('UNAVAILABLE', `${what}: it ended the stream; the peer is gone`)));
    beat();
    return {
      stop: () => {
        stopped = true;
        cancel();
        call.end();
        call.cancel();
      },
    };
  }

  /** Resolves with the cluster once it runs. @throws the first cause where it fails; DEADLINE_EXCEEDED */
  untilRunning(deadlineMs: number): Promise<ClusterView> {
    const call = this.#opened(this.#client.watchCluster({ cluster: this.cluster }, { deadline: Date.now() + deadlineMs }));
    const done = deferred<ClusterView>();
    call.on('data', ({ cluster }: { cluster?: ClusterView }) => {
      if (cluster === undefined || cluster.state === 'forming') return;
      done.resolve(cluster);
      call.cancel();
    });
    call.on('error', (error: ServiceError) => done.reject(fromStatus(error, `cluster ${this.cluster}: waiting for all nodes`)));
    call.on('end', () => done.reject(new MillraceError('UNAVAILABLE', `cluster ${this.cluster}: the application manager ended while the cluster was forming`)));
    return done.promise;
  }

  /** Sends one part of a version in messages of at most 1 MiB. @returns the newest version number */
  publishModel(node: NodeInfo, part: ModelPart): Promise<number> {
    return new Promise((resolve, reject) => {
      const call = this.#client.publishModel((error, response) => {
        if (error === null) resolve(response.version);
        else reject(fromStatus(error, `${nodeName(node)}: publish the model`));
      });
      const { parts, part: index, step, final } = part;
      call.write({ node, header: { parts, part: index, step, final }, tensors: [] });
      for (const { name, shape, offset, data } of splitRuns(part.runs, maxChunkBytes / 4)) {
        call.write({ node: undefined, header: undefined, tensors: [{ name, dtype: 'float32', shape: [...shape], offset, data: floatsToBytes(data) }] });
      }
      call.end();
    });
  }

  /** Tells of the newest version and every newer one. */
  watchModel(above: number, on: { version(version: ModelVersion): void; lost(error: MillraceError): void }): Subscription {
    const call = this.#opened(this.#client.watchModel({ cluster: this.cluster, above }));
    let weights: Record<string, TensorValue> = {};
    let stopped = false;
    call.on('data', ({ version, step, final, tensors, last }: { version: number; step: number; final: boolean; tensors: Tensor[]; last: boolean }) => {
      for (const tensor of tensors) addRun(weights, tensor);
      if (!last) return;
      on.version({ version, step, final, weights });
      weights = {};
    });
    call.on('error', (error: ServiceError) => {
      if (!stopped) on.lost(fromStatus(error, `model of cluster ${this.cluster}: watch`));
    });
    return {
      stop: () => {
        stopped = true;
        call.cancel();
      },
    };
  }

  /** Cancels every open stream. */
  close(): void {
    for (const call of this.#calls) call.cancel();
    this.#client.close();
  }

  #opened<C extends { cancel(): void; on(event: 'close', listener: () => void): unknown }>(call: C): C {
    this.#calls.add(call);
    call.on('close', () => this.#calls.delete(call));
    return call;
  }

  #limits(call: string): CallLimits {
    return { what: `application manager of cluster ${this.cluster} at ${this.address}: ${call}`, deadlineMs: this.#deadlineMs };
  }
}

function addRun(weights: Record<string, TensorValue>, { name, shape, offset, data }: Tensor): void {
  const tensor = (weights[name] ??= { dtype: 'float32', shape, data: new Float32Array(elementCount(shape)) });
  (tensor.data as Float32Array).set(bytesToFloats(data), offset);
}
