import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { MillraceError, ReleaseStack } from '../core/index.js';
import { bundleJob, loadJob } from '../engines/embedded/index.js';
import { PrometheusExposition, startMetricsServer } from '../observability/index.js';
import { buildGraph, resolveParams, type JobSubmission, type JobSummary, type RunningJob } from '../stream/index.js';
import type { CheckpointFlags } from './checkpoint-place.js';
import { startControlServer } from './control/control-server.js';
import { JobDirectory, type FlinkEntry, type JobEntry } from './control/directory.js';
import { refuseSecond } from './control/refuse-second.js';
import type { EngineChoice } from './engine-choice.js';
import type { CliEnvironment } from './environment.js';
import { createJobLog } from './job-log.js';
import { onInterrupt } from './interrupt.js';
import { startEmbedded, type StartParts } from './start-embedded.js';
import { startFlink } from './start-flink.js';
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
  readonly engine: EngineChoice;
  readonly checkpoints: CheckpointFlags;
  readonly progressEveryMs: number;
}

/**
 * Runs one job from its file to its end, visible to the other commands meanwhile.
 *
 * @returns the summary; undefined where the job was left to Flink
 */
export async function runJob(request: RunRequest, environment: CliEnvironment, view: RunView): Promise<JobSummary | undefined> {
  const releases = new ReleaseStack();
  try {
    const bundle = await bundleJob(request.file);
    const definition = await loadJob(bundle);
    const params = resolveParams(definition, request.set);
    const graph = buildGraph(definition, params);

    const id = randomBytes(4).toString('hex');
    const directory = new JobDirectory(environment.runtimeDir);
    directory.open();
    await refuseSecond(directory, definition.name);
    const log = createJobLog(join(environment.stateDir, 'logs'), definition.name, id, view);
    releases.defer(() => log.close());

    const warn = (message: string): void => log.write({ timeMs: Date.now(), level: 'warn', message, fields: {} });
    const submission: JobSubmission = {
      ...{ id, name: definition.name, graph, bundle, params, keyGroups: definition.keyGroups, overrides: request.overrides },
      parallelism: request.parallelism ?? definition.parallelism,
      log: log.write,
      onReport: ({ channel, value }) => {
        if (channel === 'console') view.output(value as readonly string[]);
      },
    };
    const attendance = { request, directory, view, releases, logFile: log.path };
    return await start(submission, attendance, { definition, checkpoints: request.checkpoints, environment, warn, releases });
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

async function start(submission: JobSubmission, attendance: Attendance, parts: StartParts): Promise<JobSummary | undefined> {
  const { request, directory, view, releases, logFile } = attendance;
  const { engine } = request;
  if (engine.name === 'embedded') {
    const job = await startEmbedded(submission, engine, parts);
    // From here on the job runs: whatever fails below must not leave it behind.
    releases.defer(() => job.cancel());
    return attend(job, attendance);
  }
  const { job, entry } = await startFlink(submission, engine, parts, (flinkId, overrides) => directory.resubmitted(submission.id, flinkId, overrides));
  if (!engine.detached) {
    releases.defer(() => job.cancel());
    return attend(job, attendance, { flink: entry, place: { address: job.address, jobId: job.flinkId } });
  }
  directory.add({ ...base(job, logFile), socket: undefined, metricsUrl: undefined, flink: entry });
  await job.detach();
  view.started({ id: job.id, name: job.name, logFile, metricsUrl: undefined, flink: { address: job.address, jobId: job.flinkId } });
  return undefined;
}

interface OnFlink {
  readonly flink: FlinkEntry;
  readonly place: { readonly address: string; readonly jobId: string };
}

function base(job: RunningJob, logFile: string): Pick<JobEntry, 'id' | 'name' | 'pid' | 'startedAtMs' | 'logFile'> {
  return { id: job.id, name: job.name, pid: process.pid, startedAtMs: job.status().startedAtMs, logFile };
}

/** Makes a started job reachable, shows its progress, and turns Ctrl-C into a drain and then into a kill. */
async function attend(job: RunningJob, { request, directory, view, releases, logFile }: Attendance, onFlink?: OnFlink): Promise<JobSummary> {
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
  directory.add({ ...base(job, logFile), socket, metricsUrl: metrics.url, ...(onFlink === undefined ? {} : { flink: onFlink.flink }) });
  releases.defer(() => directory.remove(job.id));
  releases.defer(
    onInterrupt({
      first: () => {
        view.notice('draining: sources stop, what was read is processed; Ctrl-C again kills');
        // A job that fails meanwhile says so by itself; one that goes on could not be stopped.
        job.stop().catch((thrown: unknown) => {
          if (job.state === 'running') view.notice(`not stopped: ${MillraceError.from(thrown).message}`);
        });
      },
      second: () => {
        view.notice('killing');
        job.cancel().catch(() => undefined);
      },
    }),
  );

  view.started({ id: job.id, name: job.name, logFile, metricsUrl: metrics.url, ...(onFlink === undefined ? {} : { flink: onFlink.place }) });
  const ticker = setInterval(() => view.progress(job.status()), request.progressEveryMs);
  releases.defer(() => clearInterval(ticker));
  const outcome = await finished;
  clearInterval(ticker);
  if ('error' in outcome) throw MillraceError.from(outcome.error);
  return outcome.summary;
}
