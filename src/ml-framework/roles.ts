import type { Schema } from '../memory/schema.js';
import { DataStream } from '../stream/data-stream.js';
import type { StreamEnvironment } from '../stream/environment.js';
import type { Exchange, OperatorTrace, Resumption } from '../stream/graph.js';
import type { OptimizerSpec } from '../tensorflow/model/trainable.js';
import type { ClusterConfig } from './cluster/cluster-config.js';
import { clusterPlan, type ClusterPlan } from './cluster/cluster-plan.js';
import type { NodeEntry } from './node/node-context.js';
import { NodeSource, NodeSubtask } from './node/node-subtask.js';
import { rolePart } from './node/role-registry.js';
import { ServiceSource, ServiceSubtask } from './node/service-subtask.js';

/** Where operators are added: the environment of a job, or any stream of it. */
export type RoleScope = Pick<StreamEnvironment, 'scope'> | Pick<DataStream<unknown>, 'scope'>;

/** Adds the application manager of a cluster: a source of one subtask that emits nothing and ends with the cluster. */
export function addAMRole(env: RoleScope, cluster: ClusterConfig): void {
  const plan = clusterPlan(env.scope, cluster);
  const name = `${cluster.name} am`;
  if (plan.hasAm) env.scope.builder.problem(name, `cluster ${cluster.name} has two application managers; call addAMRole once`);
  plan.hasAm = true;
  env.scope.builder.add(
    {
      kind: 'role',
      name,
      parallelism: 1,
      maxParallelism: 1,
      schema: undefined,
      startsChain: true,
      boundedness: 'bounded',
      role: 'am',
      cluster: cluster.name,
      isolation: cluster.isolation['am'],
      notes: [`cluster ${cluster.name}`, `finish policy ${cluster.finishPolicy}`],
      create: () => new ServiceSource((context) => plan.host(context, 'am'), rolePart('createAm')),
    },
    [],
  );
}

export interface RoleOptions<In, Out> {
  /** What the nodes read; absent for a role that works by itself. */
  readonly input?: DataStream<In>;
  /** How batches come to the nodes. Default: dealt out in turn. */
  readonly exchange?: Exchange;
  readonly entry: NodeEntry<In, Out>;
  /** Columns of what the nodes emit; absent for schemaless rows. */
  readonly output?: Schema;
  /** Schemas of side outputs by tag. */
  readonly sideOutputs?: Readonly<Record<string, Schema | undefined>>;
  /** Columns of the input that the entry reads. Default: all. */
  readonly reads?: readonly string[];
  /** Most nodes that make sense; `scale` keeps to it. Default: any number. */
  readonly maxParallelism?: number;
  /**
   * The entry acknowledges its batches through `ctx.lane`, so that a failed node can be replaced alone. Default: a batch is done
   * when the next one is asked for, which is not exact; 'never': nodes hold what nobody else has.
   */
  readonly resumes?: Resumption | 'never' | undefined;
  /** More for explain. */
  readonly notes?: readonly string[];
  /** Looks into the model that the nodes run, for `explain --trace`. */
  readonly trace?: () => Promise<OperatorTrace>;
}

/**
 * Adds the nodes of one role: with `input` an operator, without one a source, of as many subtasks as the cluster says.
 *
 * @returns what the nodes emit
 */
export function addRole<In = Record<string, unknown>, Out = Record<string, unknown>>(
  env: RoleScope,
  cluster: ClusterConfig,
  role: string,
  options: RoleOptions<In, Out>,
): DataStream<Out> {
  const { input, exchange = { kind: 'rebalance' }, output, sideOutputs = {}, reads, maxParallelism, resumes, notes = [] } = options;
  const plan = clusterPlan(env.scope, cluster);
  const name = `${cluster.name} ${role}`;
  const count = checkedCount(env, plan, role, name);
  const runtime = {
    hostOf: (context: Parameters<ClusterPlan['host']>[0]) => plan.host(context, role),
    entry: options.entry as unknown as NodeEntry,
    outputs: { main: output, side: sideOutputs },
    acknowledges: typeof resumes === 'object',
  };
  const id = env.scope.builder.add(
    {
      kind: 'role',
      name,
      parallelism: count,
      maxParallelism,
      schema: output,
      sideOutputs,
      reads: reads === undefined || input === undefined ? undefined : [reads],
      startsChain: true,
      ...(input === undefined ? { boundedness: 'bounded' as const } : {}),
      role,
      cluster: cluster.name,
      isolation: cluster.isolation[role],
      resumes: resumes === 'never' || input === undefined ? undefined : (resumes ?? { isExact: false, sameColumns: [] }),
      notes: [`cluster ${cluster.name}`, ...notes],
      trace: options.trace,
      create: () => (input === undefined ? new NodeSource(runtime) : new NodeSubtask(runtime)),
    },
    input === undefined ? [] : [{ from: input.node, exchange, tag: input.tag }],
  );
  plan.assign(role, env.scope.builder.node(id).uid);
  return new DataStream<Out>(env.scope, id, undefined, output);
}

/** Adds the parameter servers behind the role that pushes to them: barriers and the end reach them over a control edge. */
export function addPSRole(workers: DataStream<unknown>, cluster: ClusterConfig, optimizer: OptimizerSpec): void {
  const plan = clusterPlan(workers.scope, cluster);
  const name = `${cluster.name} ps`;
  const count = checkedCount(workers, plan, 'ps', name);
  const id = workers.scope.builder.add(
    {
      kind: 'role',
      name,
      parallelism: count,
      schema: undefined,
      startsChain: true,
      role: 'ps',
      cluster: cluster.name,
      isolation: cluster.isolation['ps'],
      notes: [`cluster ${cluster.name}`, `optimizer ${optimizer.kind}`, cluster.mode],
      create: () =>
        new ServiceSubtask(
          (context) => plan.host(context, 'ps'),
          (host) => rolePart('createPs')(host, optimizer),
        ),
    },
    [{ from: workers.node, exchange: { kind: 'control' } }],
  );
  plan.assign('ps', workers.scope.builder.node(id).uid);
}

function checkedCount(env: RoleScope, plan: ClusterPlan, role: string, name: string): number {
  const count = plan.cluster.roles[role];
  if (plan.has(role)) env.scope.builder.problem(name, `role ${role} is added twice to cluster ${plan.cluster.name}`);
  if (count === undefined)
    env.scope.builder.problem(name, `cluster ${plan.cluster.name} has no role ${role}; it has: ${Object.keys(plan.cluster.roles).join(', ')}`);
  return count ?? 1;
}
