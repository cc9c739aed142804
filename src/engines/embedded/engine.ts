import type { Engine, JobSubmission, RunningJob } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { planJob } from '../../stream/planner/index.js';
import type { RecoveryPoint } from './checkpointing.js';
import { JobRun } from './job-run.js';
import { resolveEmbeddedEngineOptions, type EmbeddedEngineOptions, type ResolvedEmbeddedEngineOptions } from './options.js';
import { checkNodeScopes } from '../runtime/replaceable.js';
import { fitState } from './restore.js';
import { checkSlots } from './check-slots.js';

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
  checkNodeScopes(plan, job.restart);
  const warn = (message: string): void => job.log({ timeMs: Date.now(), level: 'warn', message, fields: {} });
  for (const { operator, message } of plan.warnings) warn(operator === undefined ? message : `${operator}: ${message}`);
  return new JobRun(job, plan, options, restoredPoint(job, plan, warn));
}

function restoredPoint({ restore }: JobSubmission, plan: JobGraph, warn: (message: string) => void): RecoveryPoint | undefined {
  if (restore === undefined) return undefined;
  const { state, notes } = fitState(plan, restore.from, restore.allowDroppedState);
  for (const note of notes) warn(note);
  return { number: restore.from.number, state };
}
