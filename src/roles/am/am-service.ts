import { MillraceError, decodeError, type Clock, type EncodedError } from '../../core/index.js';
import type { ModelPart, TensorRun } from '../../ml-framework/cluster/model-part.js';
import { splitRuns, wholeModel } from '../../ml-framework/cluster/model-part.js';
import {
  ApplicationManagerServiceService,
  Command,
  bytesToFloats,
  failStream,
  floatsToBytes,
  maxChunkBytes,
  unaryHandler,
  type ApplicationManagerServiceServer,
  type HeartbeatRequest,
  type Node,
  type PublishModelRequest,
  type RpcService,
  type ServerWritableStream,
  type WatchModelRequest,
  type WatchModelResponse,
} from '../../rpc/index.js';
import type { ModelVersion } from '../../tensorflow/predictor.js';
import type { ClusterManager } from './cluster-manager.js';
import type { ModelRegistry } from './model-registry.js';

interface Ending {
  end(): void;
}

export interface AmServiceOptions {
  readonly name: string;
  readonly manager: ClusterManager;
  readonly models: ModelRegistry;
  readonly heartbeatIntervalMs: number;
  readonly clock: Clock;
}

/** The application manager's gRPC face: turns calls into events of the manager and its changes into streams. */
export class AmService {
  readonly #options: AmServiceOptions;
  readonly #beating = new Set<{ write(message: { command: Command }): unknown }>();
  readonly #watching = new Set<() => void>();
  readonly #open = new Set<Ending>();
  #command: Command = Command.COMMAND_UNSPECIFIED;

  constructor(options: AmServiceOptions) {
    this.#options = options;
  }

  get service(): RpcService {
    const { manager, clock, name, heartbeatIntervalMs } = this.#options;
    const implementation: ApplicationManagerServiceServer = {
      register: unaryHandler(({ node }) => {
        manager.register(required(node), clock.now());
        return { heartbeatIntervalMs };
      }),
      heartbeat: (call) => {
        this.#opened(call);
        this.#beating.add(call);
        if (this.#command !== Command.COMMAND_UNSPECIFIED) call.write({ command: this.#command });
        call.on('data', ({ node, progress }: HeartbeatRequest) => {
          try {
            manager.beat(required(node), clock.now(), progress);
          } catch (thrown) {
            failStream(call, thrown);
          }
        });
        call.on('end', () => call.end());
        call.on('close', () => this.#beating.delete(call));
      },
      getCluster: unaryHandler(() => ({ cluster: this.#cluster() })),
      watchCluster: (call) => {
        this.#opened(call);
        const tell = (): void => {
          if (manager.cause === undefined) call.write({ cluster: this.#cluster() });
          else failStream(call, manager.cause);
        };
        this.#watching.add(tell);
        call.on('close', () => this.#watching.delete(tell));
        tell();
      },
      reportFailure: unaryHandler(({ node, error }) => {
        manager.fail(required(node), decodeError(JSON.parse(error) as EncodedError));
        return {};
      }),
      finish: unaryHandler(({ node }) => {
        manager.finish(required(node));
        return {};
      }),
      publishModel: (call, done) => {
        const part = new PartAssembly();
        call.on('data', (message: PublishModelRequest) => part.add(message));
        call.on('end', () => {
          this.#options.models.publish(part.finish());
          done(null, { version: this.#options.models.latest?.version ?? 0 });
        });
      },
      watchModel: (call) => {
        this.#opened(call);
        const stop = this.#options.models.watch(call.request.above, (version) => sendVersion(call, version));
        call.on('close', stop);
      },
    };
    return { name: `millrace.v1.ApplicationManagerService/${name}`, definition: ApplicationManagerServiceService, implementation };
  }

  /** The cluster changed: tells everyone who watches. */
  announce(): void {
    for (const tell of [...this.#watching]) tell();
  }

  command(command: 'finish' | 'stop'): void {
    this.#command = command === 'finish' ? Command.COMMAND_FINISH : Command.COMMAND_STOP;
    for (const call of this.#beating) call.write({ command: this.#command });
  }

  /** Ends every stream, so that the server can close. */
  endStreams(): void {
    for (const call of [...this.#open]) call.end();
  }

  #opened(call: Ending & { on(event: 'close' | 'cancelled' | 'error', listener: () => void): unknown }): void {
    this.#open.add(call);
    call.on('close', () => this.#open.delete(call));
    call.on('cancelled', () => call.end());
    call.on('error', () => this.#open.delete(call));
  }

  #cluster(): { name: string; state: string; nodes: Node[] } {
    const { state, nodes } = this.#options.manager.snapshot;
    return { name: this.#options.name, state, nodes: nodes.map((node) => ({ ...node })) };
  }
}

class PartAssembly {
  #header: PublishModelRequest['header'];
  readonly #runs: TensorRun[] = [];

  add({ header, tensors }: PublishModelRequest): void {
    this.#header ??= header;
    for (const { name, shape, offset, data } of tensors) this.#runs.push({ name, shape, offset, data: bytesToFloats(data) });
  }

  finish(): ModelPart {
    return { ...(this.#header ?? { parts: 1, part: 0, step: 0, final: false }), runs: this.#runs };
  }
}

function sendVersion(call: ServerWritableStream<WatchModelRequest, WatchModelResponse>, { version, step, final, weights }: ModelVersion): void {
  for (const { name, shape, offset, data } of splitRuns(wholeModel(weights, step, final).runs, maxChunkBytes / 4)) {
    call.write({ version, step, final, tensors: [{ name, dtype: 'float32', shape: [...shape], offset, data: floatsToBytes(data) }], last: false });
  }
  call.write({ version, step, final, tensors: [], last: true });
}

function required(node: Node | undefined): Node {
  if (node === undefined) throw new MillraceError('PROTOCOL', 'a call without its node');
  return node;
}
