import { deferred, type CancelTimer } from '../../core/index.js';
import { amKey, type NodeHost, type RoleService } from '../../ml-framework/node/role-service.js';
import { startServer, type RpcServer } from '../../rpc/index.js';
import { AmMetrics } from './am-metrics.js';
import { AmService } from './am-service.js';
import { ClusterManager } from './cluster-manager.js';
import { ModelRegistry } from './model-registry.js';
import type { ClusterAction } from './state-machine.js';

interface AmState {
  /** Number of the next version of the model. */
  readonly nextVersion: number;
  /** Roles whose nodes have all finished. */
  readonly finishedRoles: readonly string[];
}

/** The application manager as a role: core, gRPC face, clock. */
export class AmRole implements RoleService {
  readonly #host: NodeHost;
  readonly #finished = deferred();
  #models!: ModelRegistry;
  #service!: AmService;
  #manager!: ClusterManager;
  #metrics!: AmMetrics;
  #server: RpcServer | undefined;
  #cancelTick: CancelTimer = () => undefined;

  constructor(host: NodeHost) {
    this.#host = host;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  async open(restored: readonly Uint8Array[]): Promise<void> {
    const { cluster, clock, roles, rendezvous, metrics, hasEnded } = this.#host;
    this.#metrics = new AmMetrics(metrics, Object.keys(roles));
    const state = restored[0] === undefined ? { nextVersion: 0, finishedRoles: [] } : (JSON.parse(Buffer.from(restored[0]).toString()) as AmState);
    this.#models = new ModelRegistry(state.nextVersion);
    this.#manager = new ClusterManager(cluster, roles, clock.now(), (action) => this.#act(action));
    this.#service = new AmService({
      name: cluster.name,
      manager: this.#manager,
      models: this.#models,
      heartbeatIntervalMs: cluster.heartbeatIntervalMs,
      clock,
    });
    this.#server = await startServer([this.#service.service], { host: cluster.host, clock });
    rendezvous.publish(amKey(cluster.name), this.#server.address);
    // After a restart their nodes come again; only a redeployment leaves them alone.
    for (const role of state.finishedRoles.filter((name) => hasEnded(name))) {
      for (let index = 0; index < (roles[role] ?? 0); index++) this.#manager.finish({ role, index, epoch: 0, address: '' }, clock.now());
    }
    this.#tick();
  }

  freeze(): Uint8Array[] {
    return [Buffer.from(JSON.stringify({ nextVersion: this.#models.next, finishedRoles: this.#manager.finishedRoles } satisfies AmState))];
  }

  async close(): Promise<void> {
    this.#cancelTick();
    this.#service?.endStreams();
    await this.#server?.close();
  }

  #tick(): void {
    const now = this.#host.clock.now();
    this.#manager.tick(now);
    this.#metrics.show(this.#manager, now);
    this.#cancelTick = this.#host.clock.after(this.#host.cluster.heartbeatIntervalMs, () => this.#tick());
  }

  #act(action: ClusterAction): void {
    const { log, cluster } = this.#host;
    this.#metrics.show(this.#manager, this.#host.clock.now());
    switch (action) {
      case 'announce':
        log.info(`cluster ${cluster.name} is ${this.#manager.snapshot.state}`);
        this.#service.announce();
        break;
      case 'commandFinish':
        this.#service.command('finish');
        break;
      case 'commandStop':
        this.#service.command('stop');
        this.#finished.promise.catch(() => undefined);
        this.#finished.reject(this.#manager.cause);
        break;
      case 'close':
        this.#finished.resolve();
        break;
    }
  }
}
