import type { JobEdge, JobGraph, JobVertex } from '../../stream/job-graph.js';

/**
 * Why a failed subtask of this vertex cannot be replaced alone without losing or repeating anything; undefined where it can.
 *
 * It must have one input channel, because what it has read of several would be in another order the second time; and what it
 * emits for a batch must go the same ways again.
 */
export function whyNotReplaceable(vertex: JobVertex, plan: JobGraph): string | undefined {
  const [node] = vertex.operators;
  if (vertex.operators.length !== 1 || node?.resumes === undefined) return `${vertex.name} keeps more than its unacknowledged batches`;
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
