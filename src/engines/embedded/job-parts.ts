import { createLogger, type Logger } from '../../core/index.js';
import type { JobSubmission } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { Checkpointing, type RecoveryPoint } from './checkpointing.js';
import { CheckpointSchedule } from './checkpoint-schedule.js';
import { HungThreads } from './hung-threads.js';
import type { JobChanges } from './job-changes.js';
import { JobDeployer, type DeployerParts } from './job-deployer.js';
import { JobEnd } from './job-end.js';
import { JobFailures } from './job-failures.js';
import { JobLife } from './job-life.js';
import { JobReport } from './job-report.js';
import type { ResolvedEmbeddedEngineOptions } from './options.js';
import { JobRegions } from './regions/job-regions.js';
import { RegionRun } from './regions/region-run.js';
import { regionsOf } from './regions/regions.js';
import { RestartPolicy } from './restart-policy.js';
import type { SubtaskHandle } from './subtask-handle.js';
import { SubtaskHosts } from './subtask-host.js';
import { receive, type MessageListener } from './subtask-messages.js';

export interface JobStart {
  readonly submission: JobSubmission;
  readonly plan: JobGraph;
  readonly options: ResolvedEmbeddedEngineOptions;
  readonly restored: RecoveryPoint | undefined;
  readonly changes: JobChanges;
  /** Takes a cut by the clock. */
  readonly takeCut: () => Promise<unknown>;
}

/**
 * What a job is made of while it runs, deployed and wired. Its parts know one another by this, as each of them is in the way of
 * the others:
 *
 * ```
 * subtasks ──► messages ──► failures ──► restarts of nodes and regions ──► deployer ──► subtasks
 *                       ├─► checkpoints ──► end
 *                       └─► end
 * ```
 */
export class JobParts {
  readonly life = new JobLife();
  readonly submission: JobSubmission;
  readonly options: ResolvedEmbeddedEngineOptions;
  readonly log: Logger;
  readonly changes: JobChanges;
  readonly hosts: SubtaskHosts;
  readonly policy: RestartPolicy;
  readonly failures: JobFailures;
  readonly checkpoints: Checkpointing;
  readonly deployer: JobDeployer;
  readonly regions: JobRegions;
  readonly report: JobReport;
  readonly end: JobEnd;
  readonly #hung: HungThreads | undefined;
  readonly #schedule: CheckpointSchedule;

  constructor({ submission, plan, options, restored, changes, takeCut }: JobStart) {
    this.submission = submission;
    this.options = options;
    this.log = createLogger(submission.log);
    this.changes = changes;
    this.hosts = new SubtaskHosts(options.maxThreads);
    this.policy = new RestartPolicy(submission.restart ?? { otherwise: { strategy: 'none' }, roles: {} });
    this.failures = new JobFailures(this);
    this.end = new JobEnd(this);
    const keepsState = this.policy.restarts;
    this.checkpoints = new Checkpointing(submission, restored, { cutTimeoutMs: options.cutTimeoutMs, keepsState, log: this.log });
    this.deployer = new JobDeployer(this.#deployerParts(), { plan, overrides: submission.overrides });
    const { point } = this.checkpoints;
    this.regions = new JobRegions(regionsOf(plan).map((region) => new RegionRun(region, this.deployer.deploy(region, point, []))));
    this.checkpoints.started();
    const { hangTimeoutMs } = submission;
    const { failures } = this;
    this.#hung = hangTimeoutMs === undefined ? undefined : new HungThreads(hangTimeoutMs, () => this.regions.handles, failures.hangs.bind(failures));
    this.report = new JobReport(this);
    this.#schedule = new CheckpointSchedule(submission.checkpoints?.everyMs, takeCut);
  }

  /** The next attempt of regions, from a cut or from the beginning. */
  async start(regions: readonly RegionRun[], point: RecoveryPoint | undefined, kept: readonly SubtaskHandle[]): Promise<void> {
    const leaving = regions.flatMap(({ handles }) => handles).filter((handle) => !kept.includes(handle));
    this.report.keep(leaving.flatMap((handle) => handle.metrics({})));
    this.deployer.nextAttempt();
    for (const each of regions) each.attempt = this.deployer.deploy(each.region, point, kept);
    const started = new JobRegions(regions);
    await this.unlessBroken(started.whenRunning, started);
  }

  /** Rejects where the job begins to end, or one of the regions fails, before the work is done. */
  unlessBroken<T>(work: Promise<T>, regions = this.regions): Promise<T> {
    return Promise.race([work, this.life.whenBroken, regions.whenFailed]);
  }

  stopTimers(): void {
    this.#schedule.stop();
    this.#hung?.stop();
  }

  #deployerParts(): DeployerParts {
    return {
      ...{ submission: this.submission, options: this.options, hosts: this.hosts, policy: this.policy },
      lastCut: () => this.checkpoints.lastCut,
      onMessage: receive.bind(undefined, this.#listener()),
      onLost: (handle, error) => this.failures.lost(handle, error),
      onLate: (attempt, error) => this.failures.failedAs(attempt, error),
    };
  }

  #listener(): MessageListener {
    return {
      submission: this.submission,
      checkpoints: this.checkpoints,
      regions: () => this.regions,
      isLeaving: (handle) => this.failures.nodes.isLeaving(handle),
      opened: (region) => this.#opened(region),
      ended: () => this.end.finishIfAllEnded(),
      failed: (region, handle, error, atMs) => this.failures.failed(region, handle, error, atMs),
      jobFailed: (error) => this.failures.all(error),
    };
  }

  #opened(region: RegionRun): void {
    region.hasRun = true;
    if (this.life.state === 'starting' && this.regions.all.every(({ hasRun }) => hasRun)) this.life.state = 'running';
    if (this.life.drainAsked) region.drain();
  }
}
