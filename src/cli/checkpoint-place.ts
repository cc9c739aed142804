import { join, resolve } from 'node:path';
import {
  CheckpointRepository,
  isUrl,
  listCheckpoints,
  openStorage,
  resolveRestore,
  type CheckpointStorage,
  type RestoredCheckpoint,
} from '../checkpoints/index.js';
import type { ReleaseStack } from '../core/index.js';
import type { CheckpointSettings, JobSubmission } from '../stream/engine.js';
import { restartSettings, type JobDefinition } from '../stream/index.js';
import type { CliEnvironment } from './environment.js';

/** What the command line says of checkpoints; undefined: what the job says. */
export interface CheckpointFlags {
  readonly everyMs: number | undefined;
  readonly directory: string | undefined;
  /** 'latest', or the folder of a checkpoint. */
  readonly restore: string | undefined;
  readonly allowDroppedState: boolean;
}

/** Where the checkpoints of all jobs lie: command line over environment over job over the state directory. */
export function checkpointRoot(flag: string | undefined, environment: CliEnvironment, job?: JobDefinition): string {
  return flag ?? environment.checkpointDir ?? job?.checkpoint?.directory ?? join(environment.stateDir, 'checkpoints');
}

/** Where those of one job lie. */
export function jobPlace(root: string, name: string): string {
  return isUrl(root) ? `${root.replace(/\/+$/, '')}/${name}` : join(resolve(root), name);
}

export interface CheckpointPlan extends Pick<JobSubmission, 'restore' | 'restart'> {
  readonly checkpoints: CheckpointSettings;
}

/**
 * Opens the place of a job's checkpoints and reads the one to start from.
 *
 * @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_INVALID, IO_FAILED
 */
export async function planCheckpoints(
  definition: JobDefinition,
  flags: CheckpointFlags,
  { id, environment, warn, releases }: { id: string; environment: CliEnvironment; warn: (message: string) => void; releases: ReleaseStack },
): Promise<CheckpointPlan> {
  const open = (location: string): Promise<CheckpointStorage> => openStorage(location, environment.s3);
  const storage = await open(jobPlace(checkpointRoot(flags.directory, environment, definition), definition.name));
  releases.defer(() => storage.close());
  const from = flags.restore === undefined ? undefined : await resolveRestore({ from: flags.restore, storage, open, warn });
  const everyMs = flags.everyMs ?? definition.checkpoint?.every;
  const store = new CheckpointRepository(storage, { lineage: from?.lineage ?? id, retain: definition.checkpoint?.retain ?? 3, openTarget: open, warn });
  return {
    // Only who writes there must know what is there.
    checkpoints: { everyMs, store, after: (await listCheckpoints(storage))[0]?.number ?? 0 },
    restart: restartSettings(definition.restart, definition.restartRoles, everyMs !== undefined),
    ...(from === undefined ? {} : { restore: { from: forJob(from, definition.name, warn), allowDroppedState: flags.allowDroppedState } }),
  };
}

function forJob(from: RestoredCheckpoint, name: string, warn: (message: string) => void): RestoredCheckpoint {
  if (from.job.name !== name) warn(`${from.location} was taken of job '${from.job.name}', this one is '${name}'`);
  return from;
}
