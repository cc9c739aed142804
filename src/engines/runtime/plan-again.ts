import { MillraceError } from '../../core/errors.js';
import type { JobBundle } from '../../stream/engine.js';
import { buildGraph } from '../../stream/job.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { formatGraphDifference, planJob, type GraphDescription } from '../../stream/planner/index.js';
import { loadJob } from './load-job.js';

/** A job that was planned elsewhere, and what makes its plan. */
export interface PlannedJob {
  readonly name: string;
  readonly bundle: JobBundle;
  readonly params: Readonly<Record<string, unknown>>;
  readonly parallelism: number;
  readonly keyGroups: number;
  readonly overrides: Readonly<Record<string, number>>;
  /** See PlanOptions. */
  readonly fixedChains?: boolean;
  readonly fingerprint: string;
  /** To name the operator where fingerprints differ. */
  readonly description: GraphDescription;
}

let cached: { readonly key: string; readonly graph: JobGraph } | undefined;

/**
 * Builds and plans a job's graph again on this thread, and holds it against the first one.
 *
 * @throws JOB_NOT_LOADED, PARAM_INVALID, GRAPH_INVALID
 * @throws GRAPH_DIFFERS naming the first operator that differs
 */
export async function planAgain(job: PlannedJob): Promise<JobGraph> {
  const key = `${job.bundle.path} ${job.fingerprint}`;
  if (cached?.key === key) return cached.graph;
  const definition = await loadJob(job.bundle);
  const { parallelism, keyGroups, overrides, fixedChains = false } = job;
  const graph = planJob(buildGraph(definition, job.params), { parallelism, keyGroups, overrides, fixedChains });
  if (graph.fingerprint !== job.fingerprint) {
    const difference = formatGraphDifference(job.description, graph) ?? 'the plans differ';
    throw new MillraceError(
      'GRAPH_DIFFERS',
      `job ${job.name}: a thread built another graph than the first one: ${difference}; build() must not use clocks, random numbers or anything that changes between calls`,
    );
  }
  return (cached = { key, graph }).graph;
}
