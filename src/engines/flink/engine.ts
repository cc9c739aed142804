import { MillraceError, ReleaseStack } from '../../core/index.js';
import type { Engine, JobSubmission } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { FlinkCluster, type RunRequest } from './cluster.js';
import { FlinkJob } from './flink-job.js';
import { graphForFlink } from './graph-for-flink.js';
import { resolveFlinkEngineOptions, type FlinkEngineOptions, type ResolvedFlinkEngineOptions } from './options.js';
import { packJob } from './pack-job.js';
import type { FlinkReports } from './plan.js';
import { ReportsServer } from './reports-server.js';
import { restorePath } from './restore-path.js';

const entryClass = 'millrace.flink.MillraceJob';

/** A job that Flink runs already, as another process submitted it. */
export interface SubmittedJob {
  readonly flinkId: string;
  readonly startedAtMs: number;
}

/** Hears of the new job that `scale` made of an old one. */
export type OnResubmitted = (flinkId: string, overrides: Readonly<Record<string, number>>) => void;

export interface FlinkEngine extends Engine {
  submit(job: JobSubmission, onResubmitted?: OnResubmitted): Promise<FlinkJob>;
  /** Whether the cluster keeps checkpoints outside of its memory where a job does not say where. */
  hasCheckpointDirectory(): Promise<boolean>;
  /** Takes hold of a job that runs; `job` is what it was submitted as. */
  attach(job: JobSubmission, running: SubmittedJob, onResubmitted?: OnResubmitted): FlinkJob;
}

/**
 * An engine that runs jobs on an Apache Flink cluster (1.20 or 2.x): it submits the planned graph with the bridge, by REST,
 * and watches it there.
 *
 * @throws OPTION_INVALID
 */
export function createFlinkEngine(options: FlinkEngineOptions): FlinkEngine {
  const resolved = resolveFlinkEngineOptions(options);
  return {
    name: 'flink',
    submit: (job, onResubmitted) => submit(job, resolved, onResubmitted),
    hasCheckpointDirectory: async () => {
      const configuration = await new FlinkCluster(resolved).configuration();
      // The second one is what 1.20 still reads.
      return ['execution.checkpointing.dir', 'state.checkpoints.dir'].some((key) => (configuration.get(key) ?? '') !== '');
    },
    attach: (job, running, onResubmitted) => {
      const plan = graphForFlink(job, job.overrides);
      const submitter = new Submitter(job, resolved, undefined);
      return submitter.job(plan, running, onResubmitted, () => Promise.resolve());
    },
  };
}

async function submit(job: JobSubmission, options: ResolvedFlinkEngineOptions, onResubmitted: OnResubmitted | undefined): Promise<FlinkJob> {
  if (job.restore !== undefined)
    throw new MillraceError(
      'UNSUPPORTED',
      `job ${job.name}: ${job.restore.from.location} is a checkpoint of the embedded engine; Flink restores its own savepoints and retained checkpoints only`,
    );
  const plan = graphForFlink(job, job.overrides);
  const warn = (message: string): void => job.log({ timeMs: Date.now(), level: 'warn', message, fields: {} });
  for (const { operator, message } of plan.warnings) warn(operator === undefined ? message : `${operator}: ${message}`);
  const releases = new ReleaseStack();
  try {
    const reports = await listen(job, options, warn);
    if (reports !== undefined) releases.defer(() => reports.close());
    const submitter = new Submitter(job, options, reports?.target);
    await submitter.cluster.checkVersion();
    const startedAtMs = Date.now();
    const path = await restorePath(submitter.cluster, options.restoreFrom, job.name);
    const savepoint = path === undefined ? undefined : { path, claim: false, allowDroppedState: options.allowDroppedState };
    const flinkId = await submitter.run(plan, job.overrides, savepoint);
    return submitter.job(plan, { flinkId, startedAtMs }, onResubmitted, async () => {
      await reports?.settle();
      await releases.release();
    });
  } catch (thrown) {
    await releases.release();
    throw thrown;
  }
}

const loopback = /^(localhost|127(\.\d+){3}|\[?::1\]?)$/;

/** Where TaskManagers can reach this process, it takes their reports. */
async function listen(job: JobSubmission, options: ResolvedFlinkEngineOptions, warn: (message: string) => void): Promise<ReportsServer | undefined> {
  const { onReport } = job;
  if (!options.reports || onReport === undefined) return undefined;
  const host = options.reportsHost ?? (loopback.test(new URL(options.address).hostname) ? '127.0.0.1' : undefined);
  if (host === undefined) {
    warn('what the job prints goes to the logs of the TaskManagers; to have it here, name the address by which they reach this machine (reportsHost)');
    return undefined;
  }
  return ReportsServer.listen({ host, onReport, onRefused: ({ message }) => warn(message) });
}

/** Submits one job, as often as it is scaled. */
class Submitter {
  readonly cluster: FlinkCluster;
  readonly #job: JobSubmission;
  readonly #options: ResolvedFlinkEngineOptions;
  readonly #reports: FlinkReports | undefined;

  constructor(job: JobSubmission, options: ResolvedFlinkEngineOptions, reports: FlinkReports | undefined) {
    this.cluster = new FlinkCluster(options);
    this.#job = job;
    this.#options = options;
    this.#reports = reports;
  }

  job(plan: JobGraph, { flinkId, startedAtMs }: SubmittedJob, onResubmitted: OnResubmitted | undefined, release: () => Promise<void>): FlinkJob {
    return new FlinkJob({
      ...{ submission: this.#job, plan, cluster: this.cluster, options: this.#options, flinkId, startedAtMs, release },
      resubmit: (next, overrides, path) => this.run(next, overrides, { path, claim: true, allowDroppedState: false }),
      onResubmitted: onResubmitted ?? (() => undefined),
    });
  }

  async run(graph: JobGraph, overrides: Readonly<Record<string, number>>, savepoint: RunRequest['savepoint']): Promise<string> {
    const jar = await packJob({ job: this.#job, options: this.#options, graph, overrides, reports: this.#reports });
    try {
      return await this.cluster.run({ jar: jar.path, jarName: `${this.#job.name}.jar`, entryClass, ...(savepoint === undefined ? {} : { savepoint }) });
    } finally {
      await jar.remove();
    }
  }
}
