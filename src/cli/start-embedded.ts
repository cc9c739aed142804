import type { ReleaseStack } from '../core/index.js';
import { createEmbeddedEngine } from '../engines/embedded/index.js';
import type { JobDefinition, JobSubmission, RunningJob } from '../stream/index.js';
import { planCheckpoints, type CheckpointFlags } from './checkpoint-place.js';
import type { EmbeddedChoice } from './engine-choice.js';
import type { CliEnvironment } from './environment.js';

export interface StartParts {
  readonly definition: JobDefinition;
  readonly checkpoints: CheckpointFlags;
  readonly environment: CliEnvironment;
  readonly warn: (message: string) => void;
  readonly releases: ReleaseStack;
}

/** Starts a job on the threads of this process. */
export async function startEmbedded(job: JobSubmission, { maxThreads }: EmbeddedChoice, parts: StartParts): Promise<RunningJob> {
  const { definition, checkpoints, environment, warn, releases } = parts;
  const plan = await planCheckpoints(definition, checkpoints, { id: job.id, environment, warn, releases });
  return createEmbeddedEngine(maxThreads === undefined ? {} : { maxThreads }).submit({ ...job, ...plan, hangTimeoutMs: definition.hangTimeout });
}
