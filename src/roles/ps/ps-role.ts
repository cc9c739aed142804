import { unlessAborted } from '../../core/index.js';
import { nodeName } from '../../ml-framework/cluster/node-info.js';
import type { TensorRun } from '../../ml-framework/cluster/model-part.js';
import { Membership } from '../../ml-framework/node/membership.js';
import type { NodeHost, RoleService } from '../../ml-framework/node/role-service.js';
import { startServer, type RpcServer } from '../../rpc/index.js';
import type { OptimizerSpec } from '../../tensorflow/model/trainable.js';
import { ParameterShard } from './parameter-shard.js';
import { PsMetrics } from './ps-metrics.js';
import { parameterServerService } from './ps-service.js';
import { decodeSegment, encodeSegment } from './segment-state.js';

/** A parameter server as a role: one shard, its gRPC face, its place in the cluster. */
export class PsRole implements RoleService {
  readonly #host: NodeHost;
  readonly #optimizer: OptimizerSpec;
  readonly #name: string;
  #shard!: ParameterShard;
  #metrics!: PsMetrics;
  #server: RpcServer | undefined;
  #joined: Promise<Membership> | undefined;
  #membership: Membership | undefined;

  constructor(host: NodeHost, optimizer: OptimizerSpec) {
    this.#host = host;
    this.#optimizer = optimizer;
    this.#name = nodeName(host);
  }

  async open(restored: readonly Uint8Array[]): Promise<void> {
    const { cluster, roles, epoch, clock, metrics } = this.#host;
    this.#shard = new ParameterShard(
      { name: this.#name, workers: roles['worker'] ?? 0, mode: cluster.mode, gradients: cluster.gradients, optimizer: this.#optimizer, epoch },
      restored.map(decodeSegment),
    );
    this.#metrics = new PsMetrics(metrics);
    this.#server = await startServer([parameterServerService(this.#name, this.#shard, this.#metrics)], { host: cluster.host, clock });
    // Not awaited: the application manager may open after this node.
    this.#joined = Membership.join(this.#host, this.#server.address, () => this.#shard.clock);
    this.#joined.then(
      (membership) => {
        this.#membership = membership;
        if (this.#host.signal.aborted) membership.close();
      },
      (thrown: unknown) => {
        if (!this.#host.signal.aborted) this.#host.fail(thrown);
      },
    );
  }

  /** All workers have left: the weights are final. */
  async inputEnded(): Promise<void> {
    this.#shard.endMembers();
    // Told to stop, it does not wait for the manager.
    await unlessAborted(this.#handOver(), this.#host.signal);
  }

  async #handOver(): Promise<void> {
    const membership = await this.#joined;
    if (membership === undefined) return;
    // Workers that ended before a redeployment are not part of it: nobody else can tell its application manager.
    const { roles, epoch, hasEnded } = this.#host;
    if (hasEnded('worker'))
      for (let index = 0; index < (roles['worker'] ?? 0); index++) await membership.am.finish({ role: 'worker', index, epoch, address: '' });
    const runs = this.#shard.snapshot().map(({ spec, value }): TensorRun => ({ name: spec.variable, shape: spec.shape, offset: spec.offset, data: value }));
    await membership.am.publishModel(membership.self, { parts: this.#host.count, part: this.#host.index, step: this.#shard.clock, final: true, runs });
    await membership.finish();
  }

  freeze(cut: number): Iterable<Uint8Array> {
    const segments = this.#shard.freeze(cut);
    this.#metrics.released();
    return {
      *[Symbol.iterator]() {
        for (const segment of segments) yield encodeSegment(segment);
      },
    };
  }

  decide(cut: number): void {
    this.#shard.decide(cut);
    this.#metrics.released();
  }

  async close(): Promise<void> {
    this.#membership?.close();
    await this.#server?.close();
  }
}
