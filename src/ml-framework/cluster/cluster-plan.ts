import type { SubtaskContext } from '../../stream/subtask.js';
import type { BuildScope } from '../../stream/data-stream.js';
import type { NodeHost } from '../node/role-service.js';
import type { ClusterConfig } from './cluster-config.js';

/** Which operator runs which role: known when the graph is built, used on every thread when it runs. */
export class ClusterPlan {
  /** Operator uid by role. */
  readonly #uids = new Map<string, string>();
  hasAm = false;

  constructor(readonly cluster: ClusterConfig) {}

  assign(role: string, uid: string): void {
    this.#uids.set(role, uid);
  }

  has(role: string): boolean {
    return this.#uids.has(role);
  }

  /** What is missing for the cluster to form, one sentence each. */
  get problems(): string[] {
    const { name, roles } = this.cluster;
    const missing = Object.keys(roles).filter((role) => !this.has(role));
    return [
      ...missing.map(
        (role) =>
          `cluster ${name} has ${roles[role]} ${role}, but nobody adds that role; call ${role === 'ps' ? 'addPSRole' : 'addRole'}, or take it out of roles`,
      ),
      ...(this.hasAm ? [] : [`cluster ${name} has no application manager; call addAMRole(env, cluster)`]),
    ];
  }

  /** A node's host. Counts come from the deployment, not from the options: `scale` changes them. */
  host(context: SubtaskContext, role: string): NodeHost {
    const roles = Object.fromEntries([...this.#uids].map(([name, uid]) => [name, context.parallelismOf(uid)]));
    const { clock, log, metrics, signal, rendezvous, lane, index, parallelism, attempt } = context;
    const host = this.cluster.host ?? context.host;
    return {
      cluster: { ...this.cluster, host },
      role,
      index,
      count: parallelism,
      roles,
      hasEnded: (name) => context.hasEnded(this.#uids.get(name) ?? ''),
      epoch: attempt,
      clock,
      log,
      metrics,
      signal,
      rendezvous,
      lane,
      fail: (error) => context.fail(error),
    };
  }
}

const plans = new WeakMap<BuildScope, Map<string, ClusterPlan>>();

/** The plan of a cluster in the graph that is being built. */
export function clusterPlan(scope: BuildScope, cluster: ClusterConfig): ClusterPlan {
  const ofScope = plans.get(scope) ?? new Map<string, ClusterPlan>();
  plans.set(scope, ofScope);
  const plan = ofScope.get(cluster.name);
  if (plan !== undefined && plan.cluster !== cluster) scope.builder.problem(undefined, `two clusters have the name ${cluster.name}; give each its own`);
  if (plan !== undefined) return plan;
  const created = new ClusterPlan(cluster);
  ofScope.set(cluster.name, created);
  scope.builder.whenBuilt(() => {
    for (const problem of created.problems) scope.builder.problem(undefined, problem);
  });
  return created;
}
