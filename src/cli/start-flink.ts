import { resolve } from 'node:path';
import { isUrl } from '../checkpoints/index.js';
import { createFlinkEngine, findBridgeJar, type FlinkEngineOptions, type FlinkJarOptions, type FlinkJob, type OnResubmitted } from '../engines/flink/index.js';
import { restartSettings, type JobSubmission, type RestartSettings } from '../stream/index.js';
import type { FlinkEntry } from './control/directory.js';
import type { FlinkChoice } from './engine-choice.js';
import type { StartParts } from './start-embedded.js';

export interface StartedOnFlink {
  readonly job: FlinkJob;
  /** What another process needs to take hold of the job. */
  readonly entry: FlinkEntry;
}

/**
 * Submits a job to Flink. Its checkpoints are Flink's: they go where the command line, the environment or the job says, else
 * where the cluster keeps them.
 */
export async function startFlink(job: JobSubmission, choice: FlinkChoice, parts: StartParts, onResubmitted: OnResubmitted): Promise<StartedOnFlink> {
  const { checkpoints, warn } = parts;
  if (parts.definition.hangTimeout !== undefined) warn('Flink ends no thread that hangs: hangTimeout is not used');
  const { address, reportsHost, caFile, certFile, keyFile } = choice;
  const { everyMs, directory, restart, options: packed } = await flinkJobOptions(choice, parts);
  const files = Object.entries({ caFile, certFile, keyFile }).flatMap(([name, file]) => (file === undefined ? [] : [[name, resolve(file)]]));
  const options: FlinkEngineOptions = { address, ...(Object.fromEntries(files) as Pick<FlinkEngineOptions, 'caFile' | 'certFile' | 'keyFile'>), ...packed };
  const engine = createFlinkEngine({
    ...options,
    reports: !choice.detached,
    ...(reportsHost === undefined ? {} : { reportsHost }),
    ...(checkpoints.restore === undefined ? {} : { restoreFrom: checkpoints.restore === 'latest' ? 'latest' : place(checkpoints.restore) }),
    allowDroppedState: checkpoints.allowDroppedState,
  });
  const submission: JobSubmission = { ...job, restart, checkpoints: { everyMs, store: undefined } };
  if (everyMs !== undefined && directory === undefined && !(await engine.hasCheckpointDirectory()))
    warn(
      'checkpoints stay in the memory of the JobManager, which takes little and forgets them: give --checkpoint-dir, or set execution.checkpointing.dir of the cluster',
    );
  const started = await engine.submit(submission, onResubmitted);
  const { bundle, params, parallelism, keyGroups, overrides } = job;
  return {
    job: started,
    entry: {
      flinkId: started.flinkId,
      detached: choice.detached,
      options,
      submission: { bundle, params, parallelism, keyGroups, overrides, everyMs, restart },
    },
  };
}

export interface FlinkJobOptions {
  readonly everyMs: number | undefined;
  readonly directory: string | undefined;
  readonly restart: RestartSettings;
  readonly options: FlinkJarOptions;
}

/** What the command line, the environment and the job say of a job on Flink, wherever that runs. */
export async function flinkJobOptions(
  { hostNode, hostEntry, hostOptions, configuration }: Pick<FlinkChoice, 'hostNode' | 'hostEntry' | 'hostOptions' | 'configuration'>,
  { definition, checkpoints, environment }: Pick<StartParts, 'definition' | 'checkpoints' | 'environment'>,
): Promise<FlinkJobOptions> {
  const { checkpoint } = definition;
  const directory = checkpoints.directory ?? environment.checkpointDir ?? checkpoint?.directory;
  const everyMs = checkpoints.everyMs ?? checkpoint?.every;
  return {
    ...{ everyMs, directory },
    restart: restartSettings(definition.restart, definition.restartRoles, everyMs !== undefined),
    options: {
      ...{ jar: await findBridgeJar(environment.cacheDir), hostOptions: [...hostOptions], configuration },
      ...(hostNode === undefined ? {} : { hostNode }),
      ...(hostEntry === undefined ? {} : { hostEntry }),
      ...(directory === undefined ? {} : { checkpointDirectory: place(directory) }),
      ...(checkpoint === undefined ? {} : { checkpointRetain: checkpoint.retain }),
    },
  };
}

/** The job may run in another directory. */
function place(path: string): string {
  return isUrl(path) || path.startsWith('file:') ? path : resolve(path);
}
