import { copyFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fromSystemError } from '../../core/errors.js';
import type { JobSubmission } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { graphForFlink } from './graph-for-flink.js';
import { packageRoot, packageVersion } from './host/package-root.js';
import { makeJobJar, type JobJar } from './job-jar.js';
import { resolveFlinkJarOptions, type FlinkJarOptions, type ResolvedFlinkJarOptions } from './options.js';
import { planForFlink, type FlinkReports } from './plan.js';
import { toUri } from './uri.js';

/** Where TaskManagers run on this machine; elsewhere it lies where their image has it. */
const ownHostEntry = fileURLToPath(new URL('host/main.js', import.meta.url));

export interface PackedJob {
  readonly job: JobSubmission;
  readonly options: ResolvedFlinkJarOptions;
  readonly graph: JobGraph;
  readonly overrides: Readonly<Record<string, number>>;
  readonly reports: FlinkReports | undefined;
}

/** Packs a planned job, with all that its submission and the options say, into a jar in the temporary folder. */
export async function packJob({ job, options, graph, overrides, reports }: PackedJob): Promise<JobJar> {
  const { id, name, bundle, params, parallelism, checkpoints, restart, log } = job;
  const everyMs = checkpoints?.everyMs;
  for (const [role, { scope }] of Object.entries(restart?.roles ?? {})) {
    if (scope === 'node')
      log({
        timeMs: Date.now(),
        level: 'warn',
        message: `restartRoles.${role}: on Flink a node restarts alone only where that is exact, as with scope 'exact'`,
        fields: {},
      });
  }
  const plan = planForFlink(graph, {
    ...{ millrace: packageVersion, job: { id, name }, params, parallelism, overrides },
    bundle: { hash: bundle.hash, ...(bundle.source === undefined ? {} : { source: bundle.source }) },
    host: {
      ...{ node: options.hostNode, entry: options.hostEntry ?? ownHostEntry, options: options.hostOptions, env: options.hostEnv },
      ...{ startTimeoutMs: options.hostStartTimeoutMs, closeTimeoutMs: options.hostCloseTimeoutMs, lingerMs: options.hostLingerMs },
    },
    options: { batchRows: options.batchRows, flushIntervalMs: options.flushIntervalMs },
    ...(reports === undefined ? {} : { reports }),
    checkpoints: {
      timeoutMs: options.checkpointTimeoutMs,
      ...(everyMs === undefined ? {} : { everyMs }),
      ...(options.checkpointRetain === undefined ? {} : { retain: options.checkpointRetain }),
      ...(options.checkpointDirectory === undefined ? {} : { directory: toUri(options.checkpointDirectory) }),
    },
    ...(restart === undefined ? {} : { restart }),
    configuration: options.configuration,
  });
  return makeJobJar(options.jar, plan, bundle.path, packageRoot);
}

/**
 * Writes the jar that Flink runs, for whoever submits it otherwise: an image, the Flink Kubernetes operator, `flink run`.
 *
 * @returns the plan that is in it
 * @throws OPTION_INVALID, GRAPH_INVALID, SETUP_NEEDED, IO_FAILED, DISK_FULL
 */
export async function writeFlinkJar(job: JobSubmission, options: FlinkJarOptions, target: string): Promise<JobGraph> {
  const graph = graphForFlink(job, job.overrides);
  const jar = await packJob({ job, options: resolveFlinkJarOptions(options), graph, overrides: job.overrides, reports: undefined });
  try {
    await copyFile(jar.path, target);
    return graph;
  } catch (thrown) {
    throw fromSystemError(thrown, 'jar of the job', target);
  } finally {
    await jar.remove();
  }
}
