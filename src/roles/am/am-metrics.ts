import type { Gauge, MetricGroup } from '../../core/index.js';
import type { ClusterManager } from './cluster-manager.js';
import type { NodeCounts } from './node-registry.js';

/** What the application manager shows of its cluster. */
export class AmMetrics {
  readonly #nodes: Readonly<Record<keyof NodeCounts, Gauge>>;
  readonly #progress: ReadonlyMap<string, Gauge>;

  constructor(metrics: MetricGroup, roles: Iterable<string>) {
    this.#nodes = {
      expected: metrics.gauge('cluster_nodes_expected', 'Nodes that the cluster should have.'),
      registered: metrics.gauge('cluster_nodes_registered', 'Nodes that have registered with the application manager.'),
      running: metrics.gauge('cluster_nodes_running', 'Nodes that have registered, not finished and keep sending heartbeats.'),
      finished: metrics.gauge('cluster_nodes_finished', 'Nodes that have done their work.'),
      lost: metrics.gauge('cluster_nodes_lost', 'Nodes without a heartbeat for longer than the timeout.'),
    };
    this.#progress = new Map(
      [...roles].map((role) => {
        const name = `role_${role.toLowerCase().replaceAll('-', '_')}_progress`;
        return [role, metrics.gauge(name, `Records consumed, or updates applied, by the nodes of role ${role}, as their last heartbeats said.`)];
      }),
    );
  }

  show(manager: ClusterManager, nowMs: number): void {
    const counts = manager.counts(nowMs);
    for (const [state, gauge] of Object.entries(this.#nodes)) gauge.set(counts[state as keyof NodeCounts]);
    for (const [role, gauge] of this.#progress) gauge.set(manager.progress(role));
  }
}
