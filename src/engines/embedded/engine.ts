import type { Engine, JobSubmission, RunningJob } from '../../stream/engine.js';
import { planJob } from '../../stream/planner/index.js';
import { JobRun } from './job-run.js';
import { resolveEmbeddedEngineOptions, type EmbeddedEngineOptions, type ResolvedEmbeddedEngineOptions } from './options.js';
import { checkSlots } from './scale-checks.js';

/**
 * An engine that runs jobs on the threads of this process: one thread per subtask, channels on shared memory.
 *
 * @throws OPTION_INVALID
 */
export function createEmbeddedEngine(options: EmbeddedEngineOptions = {}): Engine {
  const resolved = resolveEmbeddedEngineOptions(options);
  return {
    name: 'embedded',
    // What is wrong with the graph rejects, like all that may go wrong later.
    submit: (job) => new Promise((resolve) => resolve(start(job, resolved))),
  };
}

function start(job: JobSubmission, options: ResolvedEmbeddedEngineOptions): RunningJob {
  const { parallelism, keyGroups, overrides } = job;
  const plan = planJob(job.graph, { parallelism, keyGroups, overrides });
  checkSlots(plan, options.maxThreads);
  for (const { operator, message } of plan.warnings) {
    job.log({ timeMs: Date.now(), level: 'warn', message: operator === undefined ? message : `${operator}: ${message}`, fields: {} });
  }
  return new JobRun(job, plan, options);
}
