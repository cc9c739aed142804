import { createLogger, deferred, MillraceError, withDeadline, type Logger, type MetricSample } from '../../core/index.js';
import type { CheckpointInfo } from '../../stream/checkpoint.js';
import type { JobState, JobStatus, JobSummary, RunningJob } from '../../stream/engine.js';
import { checkScale } from '../runtime/check-scale.js';
import type { FlinkJobParts } from './flink-job-parts.js';
import { graphForFlink, withOverride } from './graph-for-flink.js';
import { JobView } from './job-view.js';
import { JobWatch, type WatchedJob } from './job-watch.js';
import { rescale } from './rescale.js';
import { Savepoints } from './savepoints.js';

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
  readonly #view: JobView;
  readonly #watch: JobWatch;
  readonly #savepoints: Savepoints;
  readonly #end = deferred<JobSummary>();
  #state: JobState = 'starting';
  #settled = false;
  /** One change at a time: stop, suspend, savepoint, scale. */
  #changing: Promise<void> = Promise.resolve();

  constructor(parts: FlinkJobParts) {
    this.#parts = parts;
    this.#log = createLogger(parts.submission.log);
    this.id = parts.submission.id;
    this.name = parts.submission.name;
    this.finished = this.#end.promise;
    // Whoever does not look at `finished` learns of a failure from status(); no crash by an unhandled rejection.
    this.finished.catch(() => undefined);
    this.#savepoints = new Savepoints(parts);
    this.#view = new JobView(parts);
    this.#watch = new JobWatch(parts, this.#view, this.#watched(), this.#log);
  }

  get state(): JobState {
    return this.#state;
  }

  /** Of the cluster's REST, without a password. */
  get address(): string {
    return this.#parts.cluster.address;
  }

  /** Flink's id of the job; another one after `scale`. */
  get flinkId(): string {
    return this.#view.flinkId;
  }

  /** Settles after the first look at the job, or where none came to be. */
  get seen(): Promise<void> {
    return this.#watch.whenSeen;
  }

  /** Why the job could not be looked at any more; how it ended is not known then. */
  get lost(): MillraceError | undefined {
    return this.#watch.lost;
  }

  status(): JobStatus {
    return this.#view.status(this.#state);
  }

  metrics(): readonly MetricSample[] {
    return this.#view.metrics();
  }

  /** Looks no more; the job goes on, and `finished` never settles. */
  async detach(): Promise<void> {
    if (!this.#settled) await this.#close();
  }

  /** Flink ends a job in order only with a savepoint; it is taken after everything has been drained. */
  async stop(): Promise<JobSummary> {
    await this.#change('draining', () => this.#savepoints.stop(this.flinkId, { drain: true }));
    return this.finished;
  }

  async suspend(target?: string): Promise<JobSummary> {
    await this.#change('draining', async () => {
      this.#view.savepoint = await this.#savepoints.suspend(this.flinkId, target);
    });
    return this.finished;
  }

  savepoint(target?: string): Promise<CheckpointInfo> {
    return this.#change(undefined, () => this.#savepoints.take(this.flinkId, target));
  }

  async cancel(): Promise<void> {
    if (this.#settled) return;
    await this.#parts.cluster.cancel(this.flinkId).catch((thrown: unknown) => {
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
      const overrides = withOverride(this.#view.plan, this.#view.overrides, override);
      const plan = graphForFlink(submission, overrides);
      const failed = (error: MillraceError): Promise<void> => this.#settle('failed', error);
      await rescale({ parts: this.#parts, view: this.#view, savepoints: this.#savepoints, plan, overrides, failed });
      this.#state = 'running';
    });
  }

  /** Waits until the job runs, then changes it; nothing else changes it meanwhile. */
  #change<T>(state: JobState | undefined, work: () => Promise<T>): Promise<T> {
    const run = this.#changing.then(async () => {
      await Promise.race([this.#watch.whenRunning, this.finished]);
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

  #watched(): WatchedJob {
    return {
      isRescaling: () => this.#state === 'rescaling',
      found: (state) => {
        if (!this.#settled && this.#state !== 'draining' && this.#state !== 'rescaling') this.#changed(state);
      },
      ended: async (state, error) => {
        // Flink has finished it, but whoever asked for that still hears where the savepoint is.
        if (state === 'finished') await this.#changing;
        await this.#settle(state === 'finished' && this.#view.savepoint !== undefined ? 'suspended' : state, error);
      },
    };
  }

  #changed(state: JobState): void {
    if (state === this.#state) return;
    this.#log.info(`job is ${state}`, { flinkJob: this.flinkId });
    this.#state = state;
  }

  async #settle(state: JobSummary['state'] | 'failed', error?: MillraceError): Promise<void> {
    if (this.#settled) return;
    await this.#close();
    this.#watch.settled();
    this.#changed(state);
    this.#view.lastFailure = error ?? this.#view.lastFailure;
    if (state === 'failed') this.#end.reject(error);
    else this.#end.resolve(this.#view.summary(state));
  }

  async #close(): Promise<void> {
    this.#settled = true;
    this.#watch.stop();
    this.#view.close();
    await this.#parts.release();
  }
}
