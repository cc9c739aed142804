import { MillraceError } from '../../core/errors.js';
import type { JobGraph } from '../../stream/job-graph.js';

/** @throws RESOURCE_EXHAUSTED where the plan needs more threads than this host may use */
export function checkSlots(plan: JobGraph, maxThreads: number): void {
  const needed = plan.vertices.reduce((sum, vertex) => sum + vertex.parallelism, 0);
  if (needed <= maxThreads) return;
  const most = [...plan.vertices].sort((a, b) => b.parallelism - a.parallelism).slice(0, 3);
  const largest = most.map((vertex) => `${vertex.name} x ${vertex.parallelism}`).join('; ');
  throw new MillraceError(
    'RESOURCE_EXHAUSTED',
    `the job needs ${needed} threads, one per subtask, and this host may use ${maxThreads}; lower the parallelism (largest: ${largest}) or raise the engine's maxThreads`,
    {
      details: { needed, limit: maxThreads },
    },
  );
}
