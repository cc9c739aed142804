import type { JobSubmission } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { planJob } from '../../stream/planner/index.js';

/**
 * The plan of a job for Flink, which keeps state by chain: chains follow from the job alone, so that a savepoint fits every
 * parallelism.
 *
 * @throws GRAPH_INVALID
 */
export function graphForFlink(
  { graph, parallelism, keyGroups }: Pick<JobSubmission, 'graph' | 'parallelism' | 'keyGroups'>,
  overrides: Readonly<Record<string, number>>,
): JobGraph {
  return planJob(graph, { parallelism, keyGroups, overrides, fixedChains: true });
}

/** Overrides with one more, which takes the place of those of the same chain. */
export function withOverride(
  { vertices }: Pick<JobGraph, 'vertices'>,
  before: Readonly<Record<string, number>>,
  more: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const chains = vertices.filter(({ operators }) => operators.some(({ uid }) => Object.hasOwn(more, uid)));
  const replaced = new Set(chains.flatMap(({ operators }) => operators.map(({ uid }) => uid)));
  return { ...Object.fromEntries(Object.entries(before).filter(([name]) => !replaced.has(name))), ...more };
}
