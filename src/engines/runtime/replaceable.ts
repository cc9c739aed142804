import { MillraceError } from '../../core/errors.js';
import type { JobEdge, JobGraph, JobVertex } from '../../stream/job-graph.js';
import type { RestartScope, RestartSettings } from '../../stream/restart-options.js';

/** Vertices whose failed subtasks are replaced alone, by id. */
export type Replaceable = ReadonlyMap<number, { readonly isExact: boolean }>;

export function replaceableVertices(plan: JobGraph, scopeOf: (role: string) => RestartScope): Replaceable {
  const found = new Map<number, { isExact: boolean }>();
  for (const vertex of plan.vertices) {
    const [node] = vertex.operators;
    const scope = node?.role === undefined ? 'region' : scopeOf(node.role);
    const isExact = whyNotExact(vertex, plan) === undefined;
    if (scope !== 'region' && (isExact || (scope === 'node' && node?.resumes !== undefined))) found.set(vertex.id, { isExact });
  }
  return found;
}

/** @throws OPTION_INVALID where a role is to be replaced alone whose nodes hold what nobody else has */
export function checkNodeScopes(plan: JobGraph, settings: RestartSettings | undefined): void {
  for (const [role, strategy] of Object.entries(settings?.roles ?? {})) {
    if (strategy.scope !== 'node') continue;
    const vertex = plan.vertices.find(({ operators }) => operators[0]?.role === role && operators[0].resumes === undefined);
    if (vertex === undefined) continue;
    throw new MillraceError(
      'OPTION_INVALID',
      `restartRoles.${role}: scope 'node' is not possible: a failed ${vertex.name} takes along what nobody else holds (parameters, members of the cluster, records it makes), and the others could not go on; leave scope out, and the job goes back to its last cut`,
      { details: { role, operator: vertex.name } },
    );
  }
}

/**
 * Why a failed subtask of this vertex cannot be replaced alone without losing or repeating anything; undefined where it can.
 *
 * It must have one input channel, because what it has read of several would be in another order the second time; and what it
 * emits for a batch must go the same ways again.
 */
export function whyNotExact(vertex: JobVertex, plan: JobGraph): string | undefined {
  const [node] = vertex.operators;
  if (vertex.operators.length !== 1 || node?.resumes?.isExact !== true) return `${vertex.name} keeps more than its unacknowledged batches`;
  const inputs = plan.edges.filter(({ to }) => to === vertex.id);
  const channels = inputs.reduce((sum, { edge, from }) => sum + (edge.exchange.kind === 'forward' ? 1 : (plan.vertices[from] as JobVertex).parallelism), 0);
  if (channels !== 1) return `${vertex.name} has ${channels} input channels for each of its subtasks, and a successor could read them in another order`;
  const { sameColumns } = node.resumes;
  const unsure = plan.edges.find((edge) => edge.from === vertex.id && edge.edge.tag === undefined && !goesTheSameWay(edge, sameColumns));
  return unsure && `${vertex.name} deals out its records by a key that may be another one when a batch is repeated`;
}

/** Main outputs are named; what side outputs carry is not counted. */
export function isNamed({ edge }: JobEdge): boolean {
  return edge.tag === undefined && edge.exchange.kind !== 'control';
}

function goesTheSameWay({ edge: { exchange } }: JobEdge, sameColumns: readonly string[]): boolean {
  if (exchange.kind !== 'hash') return true;
  return 'columns' in exchange.key && exchange.key.columns.every((column) => sameColumns.includes(column));
}
