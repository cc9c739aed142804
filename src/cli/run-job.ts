import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { MillraceError, ReleaseStack } from '../core/index.js';
import { bundleJob, createEmbeddedEngine, loadJob } from '../engines/embedded/index.js';
import { PrometheusExposition, startMetricsServer } from '../observability/index.js';
import { buildGraph, resolveParams, type JobSummary, type RunningJob } from '../stream/index.js';
import { planCheckpoints, type CheckpointFlags } from './checkpoint-place.js';
import { startControlServer } from './control/control-server.js';
import { JobDirectory } from './control/directory.js';
import type { CliEnvironment } from './environment.js';
import { createJobLog } from './job-log.js';
import { onInterrupt } from './interrupt.js';
import type { RunView } from './view/run-view.js';

export interface RunRequest {
  readonly file: string;
  /** --set values as typed. */
  readonly set: Readonly<Record<string, string>>;
  /** undefined: what the job says. */
  readonly parallelism: number | undefined;
  /** --scale values: operator uid or role -> parallelism. */
  readonly overrides: Readonly<Record<string, number>>;
  readonly metricsHost: string;
  readonly metricsPort: number;
  readonly maxThreads: number | undefined;
  readonly checkpoints: CheckpointFlags;
  readonly progressEveryMs: number;
}

/** Runs one job from its file to its end, visible to the other commands meanwhile. Resolves with the summary. */
export async function runJob(request: RunRequest, environment: CliEnvironment, view: RunView): Promise<JobSummary> {
  const releases = new ReleaseStack();
  try {
    const bundle = await bundleJob(request.file);
    const definition = await loadJob(bundle);
    const params = resolveParams(definition, request.set);
    const graph = buildGraph(definition, params);

    const id = randomBytes(4).toString('hex');
    const directory = new JobDirectory(environment.runtimeDir);
    directory.open();
    refuseSecond(directory, definition.name);
    const log = createJobLog(join(environment.stateDir, 'logs'), definition.name, id, view);
    releases.defer(() => log.close());

    const warn = (message: string): void => log.write({ timeMs: Date.now(), level: 'warn', message, fields: {} });
    const plan = await planCheckpoints(definition, request.checkpoints, { id, environment, warn, releases });
    const engine = createEmbeddedEngine(request.maxThreads === undefined ? {} : { maxThreads: request.maxThreads });
    const job = await engine.submit({
      id,
      name: definition.name,
      graph,
      bundle,
      params,
      parallelism: request.parallelism ?? definition.parallelism,
      keyGroups: definition.keyGroups,
      overrides: request.overrides,
      ...plan,
      log: log.write,
      onReport: ({ channel, value }) => {
        if (channel === 'console') view.output(value as readonly string[]);
      },
    });
    // From here on the job runs: whatever fails below must not leave it behind.
    releases.defer(() => job.cancel());
    return await attend(job, { request, directory, view, releases, logFile: log.path });
  } finally {
    await releases.release();
  }
}

interface Attendance {
  readonly request: RunRequest;
  readonly directory: JobDirectory;
  readonly view: RunView;
  readonly releases: ReleaseStack;
  readonly logFile: string;
}

/** Makes a started job reachable, shows its progress, and turns Ctrl-C into a drain and then into a kill. */
async function attend(job: RunningJob, { request, directory, view, releases, logFile }: Attendance): Promise<JobSummary> {
  // Handled here at once, so that a job that fails while we set up is not an unhandled rejection.
  const finished = job.finished.then(
    (summary) => ({ summary }),
    (error: unknown) => ({ error }),
  );
  const metrics = await startMetricsServer({ exposition: new PrometheusExposition(() => job.metrics()), host: request.metricsHost, port: request.metricsPort });
  releases.defer(() => metrics.close());
  const socket = directory.socketPath(job.id);
  const control = await startControlServer(job, socket);
  releases.defer(() => control.close());
  directory.add({ id: job.id, name: job.name, pid: process.pid, startedAtMs: job.status().startedAtMs, socket, logFile, metricsUrl: metrics.url });
  releases.defer(() => directory.remove(job.id));
  releases.defer(
    onInterrupt({
      first: () => {
        view.notice('draining: sources stop, what was read is processed; Ctrl-C again kills');
        job.stop().catch(() => undefined);
      },
      second: () => {
        view.notice('killing');
        job.cancel().catch(() => undefined);
      },
    }),
  );

  view.started({ id: job.id, name: job.name, logFile, metricsUrl: metrics.url });
  const ticker = setInterval(() => view.progress(job.status()), request.progressEveryMs);
  releases.defer(() => clearInterval(ticker));
  const outcome = await finished;
  clearInterval(ticker);
  if ('error' in outcome) throw MillraceError.from(outcome.error);
  return outcome.summary;
}

function refuseSecond(directory: JobDirectory, name: string): void {
  const running = directory.list().find((entry) => entry.name === name);
  if (running !== undefined)
    throw new MillraceError(
      'JOB_EXISTS',
      `a job called '${name}' is running already (${running.id}, process ${running.pid}); stop it with: millrace stop ${running.id}`,
    );
}
