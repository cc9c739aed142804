import { MillraceError, isMillraceError, unlessAborted, withDeadline } from '../../core/index.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { ModelVersion } from '../../tensorflow/predictor.js';
import type { OptimizerSpec, VariableSpec } from '../../tensorflow/model/trainable.js';
import { nodeName, type NodeInfo } from '../cluster/node-info.js';
import { ParameterClient, type Weights } from '../parameters/parameter-client.js';
import { openShardChannel } from '../parameters/shard-channel.js';
import { Membership } from './membership.js';
import { latestOf } from './latest.js';
import type { NodeContext, NodeEntry } from './node-context.js';
import { rolePart, type LocalShard } from './role-registry.js';
import type { NodeHost } from './role-service.js';
import { decodeNodeState, encodeNodeState, type NodeState } from './node-state.js';

export interface NodeRunnerOptions {
  readonly entry: NodeEntry;
  readonly input: AsyncIterable<RecordBatch>;
  readonly emit: NodeContext['emit'];
}

/** How long a node that ends waits for its failure to be reported. */
const reportMs = 500;

/** Runs a node entry: joins the cluster, lends it parameters and model, carries it through cuts, and ends it. */
export class NodeRunner {
  readonly #host: NodeHost;
  readonly #options: NodeRunnerOptions;
  readonly #name: string;
  readonly #restored: NodeState;
  readonly #finishing = new AbortController();
  readonly #markSeconds;
  #membership: Membership | undefined;
  #parameters: ParameterClient | undefined;
  #localShard: LocalShard | undefined;
  #freeze: () => readonly Uint8Array[] = () => [];
  #beforeBarrier: () => Promise<void> = () => Promise.resolve();
  #hasLeft = false;
  #consumed = 0;
  #reported: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  /** Settles when the entry has returned and the node has said so. */
  #ended: Promise<void> | undefined;

  constructor(host: NodeHost, options: NodeRunnerOptions, restored: readonly Uint8Array[]) {
    this.#host = host;
    this.#options = options;
    this.#name = nodeName(host);
    this.#markSeconds = host.metrics.gauge(
      'mark_seconds',
      'What the newest cut cost the node: from its last acknowledged push until every shard had heard of the barrier.',
    );
    this.#restored = decodeNodeState(restored);
  }

  /** Starts the node; failures end the job. */
  start(onEnded: () => void = () => undefined): void {
    // Told to stop, a node does not wait for anybody: the engine closes it only when its pending call has ended.
    this.#host.signal.addEventListener('abort', () => void this.close(), { once: true });
    this.#ended = this.#run();
    this.#ended.then(onEnded, (thrown: unknown) => {
      onEnded();
      if (!this.#host.signal.aborted) this.#host.fail(thrown);
    });
  }

  get finishing(): AbortSignal {
    return this.#finishing.signal;
  }

  /** The entry is done with so many more records. */
  consumed(records: number): void {
    this.#consumed += records;
  }

  /** Waits until the entry has returned, after its input has ended. @throws NODE_ENTRY */
  async ended(): Promise<void> {
    await withDeadline(unlessAborted(this.#ended ?? Promise.resolve(), this.#host.signal), {
      ms: this.#host.cluster.entryDeadlineMs,
      what: `${this.#name}: node entry after the end of its input`,
      clock: this.#host.clock,
    }).catch((thrown: unknown) => {
      if (isMillraceError(thrown) && thrown.code === 'DEADLINE_EXCEEDED') throw new MillraceError('NODE_ENTRY', thrown.message, { cause: thrown });
      throw thrown;
    });
  }

  /** Before the barrier is passed on: everything pushed is applied, and the shards know. */
  async prepareSnapshot(cut: number): Promise<void> {
    await this.#beforeBarrier();
    if (this.#hasLeft || this.#parameters === undefined) return;
    // The outstanding push would be waited for without a cut, too.
    await this.#parameters.drain();
    const startedMs = performance.now();
    await this.#parameters.mark(cut);
    this.#markSeconds.set((performance.now() - startedMs) / 1000);
  }

  freeze(cut: number): Iterable<Uint8Array> {
    return encodeNodeState({ user: this.#freeze(), segments: [...(this.#localShard?.freeze(cut) ?? this.#restored.segments)] });
  }

  decide(cut: number): void {
    this.#localShard?.decide(cut);
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#finishing.abort();
    this.#parameters?.close();
    // The manager may be gone, too: the report gets a moment, no more.
    const { clock } = this.#host;
    if (this.#reported !== undefined) await withDeadline(this.#reported, { ms: reportMs, what: 'report', clock }).catch(() => undefined);
    this.#membership?.close();
  }

  async #run(): Promise<void> {
    try {
      const membership = await Membership.join(this.#host, '', () => this.#consumed);
      this.#membership = membership;
      if (this.#closed !== undefined) membership.close();
      membership.finishing.addEventListener('abort', () => this.#finishing.abort(), { once: true });
      const nodes = await membership.nodes(this.#host.cluster.registrationDeadlineMs + this.#host.cluster.rpcDeadlineMs);
      await this.#enter(membership, nodes);
      if (this.#parameters !== undefined) await this.#parameters.leave();
      this.#hasLeft = true;
      await membership.finish();
    } catch (thrown) {
      // The job learns of it from the node itself; the manager is told, so that it does not wait for this node. Not where a
      // successor may come: the manager would end the cluster.
      if (!this.#host.signal.aborted && this.#host.lane === undefined) this.#reported = this.#membership?.reportFailure(thrown);
      throw thrown;
    }
  }

  async #enter(membership: Membership, nodes: readonly NodeInfo[]): Promise<void> {
    try {
      await this.#options.entry(this.#context(membership, nodes));
    } catch (thrown) {
      if (isMillraceError(thrown)) throw thrown;
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      throw new MillraceError('NODE_ENTRY', `${this.#name} of cluster ${this.#host.cluster.name}: its entry threw: ${text}`, {
        cause: thrown,
        details: { node: this.#name },
      });
    }
  }

  #context(membership: Membership, nodes: readonly NodeInfo[]): NodeContext {
    const { cluster, role, index, count, epoch, roles, metrics, log, clock, signal, lane } = this.#host;
    return {
      role,
      index,
      count,
      attempt: epoch,
      cluster: { config: cluster, roles, nodes },
      input: this.#options.input,
      lane,
      emit: this.#options.emit,
      parameters: { open: (variables, initial, optimizer) => this.#openParameters(variables, initial, optimizer, nodes) },
      model: {
        publish: (part) => membership.am.publishModel(membership.self, part),
        versions: () => this.#versions(membership),
      },
      checkpoint: {
        restored: this.#restored.user,
        onFreeze: (freeze) => {
          this.#freeze = freeze;
        },
        beforeBarrier: (emit) => {
          this.#beforeBarrier = emit;
        },
      },
      metrics,
      log: log.with({ node: this.#name }),
      clock,
      signal,
      finishing: this.#finishing.signal,
    };
  }

  async #openParameters(
    variables: readonly VariableSpec[],
    initial: () => Weights,
    optimizer: OptimizerSpec,
    nodes: readonly NodeInfo[],
  ): Promise<ParameterClient> {
    const { index, epoch, role, count, cluster, clock, lane } = this.#host;
    if (this.#closed !== undefined) throw new MillraceError('CANCELLED', `${this.#name}: the node was told to stop`);
    const servers = nodes.filter((node) => node.role === 'ps').sort((a, b) => a.index - b.index);
    const local = servers.length === 0;
    if (local && count !== 1) {
      throw new MillraceError(
        'UNSUPPORTED',
        `${this.#name}: ${count} nodes of role ${role} without parameter servers; give the cluster a role ps, or one node`,
      );
    }
    const shard = local
      ? (this.#localShard = await rolePart('createLocalShard')({ optimizer, gradients: cluster.gradients, epoch }, this.#restored.segments))
      : undefined;
    const options = { name: this.#name, variables, shards: local ? 1 : servers.length, clock, deadlineMs: cluster.registrationDeadlineMs };
    const client = new ParameterClient(options, (to, events) => {
      const server = servers[to];
      if (shard !== undefined || server === undefined) return shard!.connect(events);
      return openShardChannel({ from: this.#name, to: nodeName(server), address: server.address, worker: index, epoch }, events);
    });
    if (lane !== undefined) client.resume(lane.firstPosition, lane.barrier);
    this.#parameters = client;
    await client.ready(index === 0 ? initial : undefined);
    return client;
  }

  #versions(membership: Membership): AsyncIterable<ModelVersion> {
    return latestOf<ModelVersion>(this.#finishing.signal, ({ value, failed }) =>
      membership.am.watchModel(-1, {
        version: value,
        lost: failed,
      }),
    );
  }
}
