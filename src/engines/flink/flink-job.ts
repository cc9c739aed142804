import { createLogger, deferred, MillraceError, withDeadline, type Logger, type MetricSample } from '../../core/index.js';
import type { CheckpointInfo } from '../../stream/checkpoint.js';
import type { CheckpointStatus, JobState, JobStatus, JobSubmission, JobSummary, RunningJob } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { checkScale } from '../runtime/check-scale.js';
import { JobStatistics } from '../runtime/job-statistics.js';
import { graphForFlink, withOverride } from './graph-for-flink.js';
import { checkpointInfo, checkpointStatus } from './checkpoint-status.js';
import type { FlinkCluster, FlinkJobDetails } from './cluster.js';
import { asDeployed, FlinkMetrics } from './flink-metrics.js';
import { pause } from './pause.js';
import { toUri } from './uri.js';
import { jobFailure, newestFailure } from './job-failure.js';
import { allRun, hasEnded, jobState, waiting } from './job-state.js';
import type { ResolvedFlinkEngineOptions } from './options.js';

/** Flink gathers metrics every 10 s (metrics.fetcher.update-interval): a rate over less would jump. */
const rateWindowMs = 30_000;

const looksForMetrics = 3;
const describeTimeoutMs = 5_000;

/** What a job on Flink needs from who submitted it. */
export interface FlinkJobParts {
  readonly submission: JobSubmission;
  readonly plan: JobGraph;
  readonly cluster: FlinkCluster;
  readonly options: ResolvedFlinkEngineOptions;
  /** Flink's id. */
  readonly flinkId: string;
  readonly startedAtMs: number;
  /** Submits the job again, planned anew, from a savepoint that it takes over. @returns Flink's new id */
  readonly resubmit: (plan: JobGraph, overrides: Readonly<Record<string, number>>, savepoint: string) => Promise<string>;
  readonly onResubmitted: (flinkId: string, overrides: Readonly<Record<string, number>>) => void;
  /** Runs when the job has ended, before `finished` settles. */
  readonly release: () => Promise<void>;
}

/**
 * One job on a Flink cluster, over REST. Flink restarts it; what is here watches.
 *
 * ```
 * starting ──► running ◄──► restarting
 *                 ├───► rescaling    stopped with a savepoint, planned anew, run again from it: a new job for Flink
 *                 ├───► draining ──► finished
 *                 ├───► suspended    stopped with a savepoint
 *  any of these ──► failed (first cause) │ cancelled
 * ```
 */
export class FlinkJob implements RunningJob {
  readonly id: string;
  readonly name: string;
  readonly finished: Promise<JobSummary>;
  readonly #parts: FlinkJobParts;
  readonly #log: Logger;
  readonly #metrics: FlinkMetrics;
  readonly #statistics: JobStatistics;
  readonly #end = deferred<JobSummary>();
  readonly #running = deferred();
  readonly #seen = deferred();
  /** Aborted when there is nothing to watch any more. */
  readonly #watching = new AbortController();
  #flinkId: string;
  #plan: JobGraph;
  #overrides: Readonly<Record<string, number>>;
  #state: JobState = 'starting';
  #hasRun = false;
  #settled = false;
  #checkpoints: CheckpointStatus = { completed: 0, failed: 0 };
  #restarts = 0;
  #rescales = 0;
  #lastFailure: MillraceError | undefined;
  #lost: MillraceError | undefined;
  #savepoint: CheckpointInfo | undefined;
  #seenAtMs = Date.now();
  #waitingSinceMs: number | undefined;
  #looks = 0;
  /** One change at a time: stop, suspend, savepoint, scale. */
  #changing: Promise<void> = Promise.resolve();

  constructor(parts: FlinkJobParts) {
    this.#parts = parts;
    this.#log = createLogger(parts.submission.log);
    this.id = parts.submission.id;
    this.name = parts.submission.name;
    this.#flinkId = parts.flinkId;
    this.#plan = parts.plan;
    this.#overrides = parts.submission.overrides;
    this.finished = this.#end.promise;
    // Whoever does not look at `finished` learns of a failure from status(); no crash by an unhandled rejection.
    this.finished.catch(() => undefined);
    this.#running.promise.catch(() => undefined);
    this.#metrics = new FlinkMetrics(parts.cluster, this.name);
    this.#statistics = new JobStatistics(() => this.#metrics.samples, rateWindowMs);
    void this.#watch();
  }

  get state(): JobState {
    return this.#state;
  }

  /** Of the cluster's REST, without a password. */
  get address(): string {
    return this.#parts.cluster.address;
  }

  /** Settles after the first look at the job, or where none came to be. */
  get seen(): Promise<void> {
    return this.#seen.promise;
  }

  /** Why the job could not be looked at any more; how it ended is not known then. */
  get lost(): MillraceError | undefined {
    return this.#lost;
  }

  /** Looks no more; the job goes on, and `finished` never settles. */
  async detach(): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    this.#watching.abort();
    this.#statistics.stop(this.#metrics.samples);
    await this.#parts.release();
  }

  /** Flink's id of the job; another one after `scale`. */
  get flinkId(): string {
    return this.#flinkId;
  }

  status(): JobStatus {
    const error = this.#lastFailure;
    return {
      ...{ id: this.id, name: this.name, state: this.#state, startedAtMs: this.#parts.startedAtMs },
      attempt: this.#restarts + this.#rescales,
      operators: this.#statistics.operators(this.#plan),
      checkpoints: this.#checkpoints,
      restarts: this.#restarts,
      ...this.#nodeRestarts,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    };
  }

  metrics(): readonly MetricSample[] {
    const labels = { job: this.name };
    return [
      ...this.#metrics.samples,
      { name: 'millrace_restarts_total', help: 'Restarts after failures.', type: 'counter', labels, value: this.#restarts },
      { name: 'millrace_checkpoints_total', help: 'Completed checkpoints.', type: 'counter', labels, value: this.#checkpoints.completed },
    ];
  }

  /** Flink ends a job in order only with a savepoint; it is taken after everything has been drained. */
  async stop(): Promise<JobSummary> {
    await this.#change('draining', () => this.#stop(true, undefined));
    return this.finished;
  }

  async suspend(target?: string): Promise<JobSummary> {
    await this.#change('draining', () => this.#stop(false, target));
    return this.finished;
  }

  savepoint(target?: string): Promise<CheckpointInfo> {
    return this.#change(undefined, async () => {
      const startedAtMs = Date.now();
      const location = await this.#parts.cluster.savepoint(this.#flinkId, this.#savepointDirectory(target));
      return this.#describe(location, startedAtMs);
    });
  }

  async cancel(): Promise<void> {
    if (this.#settled) return;
    await this.#parts.cluster.cancel(this.#flinkId).catch((thrown: unknown) => {
      // One that has ended meanwhile has nothing to cancel; who cannot be reached says so.
      if (!['JOB_NOT_FOUND', 'FLINK'].includes(MillraceError.from(thrown).code)) throw thrown;
    });
    const { cancelTimeoutMs } = this.#parts.options;
    const ended = this.finished.catch(() => undefined);
    await withDeadline(ended, { ms: cancelTimeoutMs, what: `cancelling job ${this.name} on Flink` });
  }

  scale(operatorOrRole: string, parallelism: number): Promise<void> {
    const { submission } = this.#parts;
    return this.#change('rescaling', async () => {
      const override = checkScale(submission.graph, operatorOrRole, parallelism, submission.keyGroups);
      const overrides = withOverride(this.#plan, this.#overrides, override);
      const plan = graphForFlink(submission, overrides);
      const savepoint = await this.#parts.cluster.stop(this.#flinkId, false, this.#savepointDirectory(undefined));
      await this.#untilEnded();
      await this.#runAgain(plan, overrides, savepoint);
    });
  }

  /** Waits until the job runs, then changes it; nothing else changes it meanwhile. */
  #change<T>(state: JobState | undefined, work: () => Promise<T>): Promise<T> {
    const run = this.#changing.then(async () => {
      await Promise.race([this.#running.promise, this.finished]);
      if (this.#settled)
        throw new MillraceError('CUT_FAILED', `job ${this.name} has ended: it is ${this.#state}`, { details: { abandoned: true, state: this.#state } });
      const before = this.#state;
      if (state !== undefined) this.#state = state;
      try {
        return await work();
      } catch (thrown) {
        if (!this.#settled) this.#state = before;
        throw thrown;
      }
    });
    this.#changing = run.then(
      () => undefined,
      () => undefined,
    );
    return run;
  }

  async #stop(drain: boolean, target: string | undefined): Promise<void> {
    const startedAtMs = Date.now();
    const location = await this.#parts.cluster.stop(this.#flinkId, drain, this.#savepointDirectory(target));
    // A drained job has nothing left to go on with; a suspended one goes on from here.
    if (!drain) this.#savepoint = await this.#describe(location, startedAtMs);
  }

  /** Flink shows a new savepoint some seconds later (web.refresh-interval); its path is known before. */
  async #describe(location: string, startedAtMs: number): Promise<CheckpointInfo> {
    const deadline = Date.now() + describeTimeoutMs;
    const known = { takenAtMs: startedAtMs, writeMs: Date.now() - startedAtMs, kind: 'savepoint', location: toUri(location) } as const;
    for (;;) {
      const { latest } = await this.#parts.cluster.checkpoints(this.#flinkId);
      const found = latest.savepoint === null ? undefined : checkpointInfo(latest.savepoint);
      if (found?.location === known.location) return found;
      if (Date.now() > deadline) return { number: 0, bytes: 0, ...known };
      await pause(this.#parts.options.pollIntervalMs / 4);
    }
  }

  #savepointDirectory(target: string | undefined): string | undefined {
    if (target !== undefined) return toUri(target);
    const { checkpointDirectory } = this.#parts.options;
    return checkpointDirectory === undefined ? undefined : `${toUri(checkpointDirectory).replace(/\/+$/, '')}/savepoints`;
  }

  async #untilEnded(): Promise<void> {
    const { cluster, options } = this.#parts;
    const deadline = Date.now() + options.cancelTimeoutMs;
    while (!hasEnded((await cluster.job(this.#flinkId)).state)) {
      if (Date.now() > deadline)
        throw new MillraceError('DEADLINE_EXCEEDED', `job ${this.name}: its stop on Flink did not end within ${options.cancelTimeoutMs} ms`);
      await pause(options.pollIntervalMs / 5);
    }
  }

  async #runAgain(plan: JobGraph, overrides: Readonly<Record<string, number>>, savepoint: string): Promise<void> {
    this.#statistics.keep(this.#metrics.samples);
    try {
      this.#flinkId = await this.#parts.resubmit(plan, overrides, savepoint);
    } catch (thrown) {
      const cause = MillraceError.from(thrown);
      await this.#settle(
        'failed',
        new MillraceError(cause.code, `${cause.message}; job ${this.name} is stopped, its state is in ${savepoint}: go on with --restore ${savepoint}`, {
          cause,
        }),
      );
      throw thrown;
    }
    this.#plan = plan;
    this.#overrides = overrides;
    this.#rescales++;
    this.#metrics.forget();
    this.#parts.onResubmitted(this.#flinkId, overrides);
    await this.#untilRunning();
    this.#state = 'running';
  }

  async #untilRunning(): Promise<void> {
    const { cluster, options } = this.#parts;
    const deadline = Date.now() + options.submitTimeoutMs + options.slotTimeoutMs;
    for (;;) {
      const details = await cluster.job(this.#flinkId);
      if (hasEnded(details.state) || (details.state === 'RUNNING' && allRun(details.vertices))) return;
      if (Date.now() > deadline)
        throw new MillraceError('DEADLINE_EXCEEDED', `job ${this.name}: not all of its subtasks run again on Flink; see millrace logs ${this.id}`);
      await pause(options.pollIntervalMs / 5);
    }
  }

  async #watch(): Promise<void> {
    while (!this.#settled) {
      try {
        if (this.#state !== 'rescaling') await this.#look();
        this.#seenAtMs = Date.now();
      } catch (thrown) {
        await this.#unseen(MillraceError.from(thrown));
      }
      // Until all run, somebody waits.
      await pause(this.#hasRun ? this.#parts.options.pollIntervalMs : this.#parts.options.pollIntervalMs / 4, this.#watching.signal);
    }
  }

  async #look(): Promise<void> {
    const { cluster } = this.#parts;
    const id = this.#flinkId;
    const details = await cluster.job(id);
    if (id !== this.#flinkId) return;
    if (hasEnded(details.state)) {
      if (this.#state !== 'rescaling') await this.#ended(details);
      return;
    }
    this.#plan = asDeployed(this.#plan, details.vertices);
    const state = jobState(details, this.#hasRun);
    if (state === 'running') {
      this.#hasRun = true;
      this.#running.resolve();
    } else if (!this.#hasRun) await this.#checkSlots(details);
    if (this.#state !== 'draining' && this.#state !== 'rescaling') this.#changed(state);
    this.#checkpoints = checkpointStatus(await cluster.checkpoints(id));
    await this.#lookForRestarts(id);
    const wasWhole = this.#metrics.isWhole;
    await this.#metrics.read(id, this.#plan, details.vertices);
    // What was counted before the first reading is not the rate of now.
    if (!wasWhole) this.#statistics.keep([]);
    // Flink gathers metrics only when they are asked for, and answers before it has them.
    if (this.#metrics.isWhole || ++this.#looks >= looksForMetrics) this.#seen.resolve();
  }

  #changed(state: JobState): void {
    if (state === this.#state) return;
    this.#log.info(`job is ${state}`, { flinkJob: this.#flinkId });
    this.#state = state;
  }

  async #lookForRestarts(id: string): Promise<void> {
    const restarts = await this.#parts.cluster.restarts(id);
    if (restarts <= this.#restarts) return;
    this.#restarts = restarts;
    const from = `Flink restarts the job from ${this.#checkpoints.last?.location ?? 'the beginning'}`;
    const failure = await newestFailure(this.#parts.cluster, id, this.name);
    // Without one, its adaptive scheduler gives the job other slots.
    if (failure === undefined) this.#log.info(`${from} to rescale it`, { restarts });
    else {
      this.#lastFailure = failure;
      this.#log.warn(`${from}: ${failure.message}`, { code: failure.code, restarts });
    }
  }

  /** Without slots a job waits, and Flink says nothing. */
  async #checkSlots({ vertices }: FlinkJobDetails): Promise<void> {
    const { cluster, options } = this.#parts;
    if (waiting(vertices) === 0) this.#waitingSinceMs = undefined;
    else this.#waitingSinceMs ??= Date.now();
    if (this.#waitingSinceMs === undefined || Date.now() - this.#waitingSinceMs < options.slotTimeoutMs) return;
    const { total, free, taskManagers } = await cluster.slots();
    const wanted = vertices.reduce((most, { parallelism }) => Math.max(most, parallelism), 0);
    await cluster.cancel(this.#flinkId).catch(() => undefined);
    await this.#settle(
      'failed',
      new MillraceError(
        'RESOURCE_EXHAUSTED',
        `job ${this.name} has waited ${options.slotTimeoutMs} ms for ${wanted} slots on Flink at ${cluster.address}, which has ${free} free of ${total} on ${taskManagers} TaskManagers; ` +
          'add TaskManagers or slots (taskmanager.numberOfTaskSlots), end another job, or lower the parallelism',
        { details: { wanted, free, total } },
      ),
    );
  }

  /** A JobManager may be replaced, and its successor has to read what it was doing. */
  async #unseen(error: MillraceError): Promise<void> {
    const { unreachableMs } = this.#parts.options;
    if (Date.now() - this.#seenAtMs < unreachableMs) return;
    const text =
      error.code === 'JOB_NOT_FOUND'
        ? `Flink at ${this.#parts.cluster.address} does not know job ${this.name} (${this.#flinkId}) any more: its JobManager was restarted without high availability (high-availability.type)`
        : `${error.message}; job ${this.name} (${this.#flinkId}) may still run there`;
    this.#lost = new MillraceError(error.code, text, { details: error.details, cause: error });
    await this.#settle('failed', this.#lost);
  }

  async #ended({ state, vertices }: FlinkJobDetails): Promise<void> {
    const { cluster } = this.#parts;
    this.#plan = asDeployed(this.#plan, vertices);
    await this.#metrics.read(this.#flinkId, this.#plan, vertices).catch(() => undefined);
    this.#checkpoints = checkpointStatus(await cluster.checkpoints(this.#flinkId));
    if (state === 'FAILED') await this.#settle('failed', await jobFailure(cluster, this.#flinkId, this.name));
    else if (state === 'CANCELED') await this.#settle('cancelled');
    else {
      // Flink has finished it, but whoever asked for that still hears where the savepoint is.
      await this.#changing;
      await this.#settle(this.#savepoint === undefined ? 'finished' : 'suspended');
    }
  }

  async #settle(state: 'finished' | 'suspended' | 'cancelled' | 'failed', error?: MillraceError): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    this.#watching.abort();
    this.#statistics.stop(this.#metrics.samples);
    await this.#parts.release();
    this.#seen.resolve();
    this.#changed(state);
    this.#lastFailure = error ?? this.#lastFailure;
    if (state === 'failed') this.#end.reject(error);
    else this.#end.resolve(this.#summary(state));
  }

  #summary(state: JobSummary['state']): JobSummary {
    const last = this.#savepoint ?? this.#checkpoints.last;
    return {
      ...{ id: this.id, name: this.name, state, durationMs: Date.now() - this.#parts.startedAtMs },
      operators: this.#statistics.operators(this.#plan),
      checkpoints: { ...this.#checkpoints, ...(last === undefined ? {} : { last }) },
      restarts: this.#restarts,
      ...this.#nodeRestarts,
    };
  }

  get #nodeRestarts(): { readonly nodeRestarts?: number } {
    const { nodeRestarts } = this.#metrics;
    return nodeRestarts === undefined ? {} : { nodeRestarts };
  }
}
