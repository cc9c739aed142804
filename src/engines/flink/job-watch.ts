import { deferred, MillraceError, type Logger } from '../../core/index.js';
import type { JobState, JobSummary } from '../../stream/engine.js';
import { checkpointStatus } from './checkpoint-status.js';
import type { FlinkCluster, FlinkJobDetails } from './cluster.js';
import { jobFailure, newestFailure } from './job-failure.js';
import { hasEnded, jobState, waiting } from './job-state.js';
import type { JobView } from './job-view.js';
import { noSlots } from './no-slots.js';
import type { ResolvedFlinkEngineOptions } from './options.js';
import { pause } from './pause.js';

const looksForMetrics = 3;

/** What the watch tells. */
export interface WatchedJob {
  /** It is stopped and submitted again, and the watch looks away meanwhile. */
  isRescaling(): boolean;
  found(state: JobState): void;
  /** Once; the watch is over. */
  ended(state: JobSummary['state'] | 'failed', error?: MillraceError): Promise<void>;
}

/** Looks at a job by REST, again and again, and keeps its view. */
export class JobWatch {
  readonly #cluster: FlinkCluster;
  readonly #options: ResolvedFlinkEngineOptions;
  readonly #view: JobView;
  readonly #job: WatchedJob;
  readonly #log: Logger;
  readonly #running = deferred();
  readonly #seen = deferred();
  /** Aborted when there is nothing to watch any more. */
  readonly #over = new AbortController();
  #hasRun = false;
  #lost: MillraceError | undefined;
  #seenAtMs = Date.now();
  #waitingSinceMs: number | undefined;
  #looks = 0;

  constructor(parts: { readonly cluster: FlinkCluster; readonly options: ResolvedFlinkEngineOptions }, view: JobView, job: WatchedJob, log: Logger) {
    this.#cluster = parts.cluster;
    this.#options = parts.options;
    this.#view = view;
    this.#job = job;
    this.#log = log;
    void this.#watch();
  }

  /** Settles when all subtasks run for the first time. */
  get whenRunning(): Promise<void> {
    return this.#running.promise;
  }

  /** Settles after the first look at the job, or where none came to be. */
  get whenSeen(): Promise<void> {
    return this.#seen.promise;
  }

  /** Why the job could not be looked at any more. */
  get lost(): MillraceError | undefined {
    return this.#lost;
  }

  stop(): void {
    this.#over.abort();
  }

  /** Nobody need wait for a look any more. */
  settled(): void {
    this.#seen.resolve();
  }

  async #watch(): Promise<void> {
    while (!this.#over.signal.aborted) {
      try {
        if (!this.#job.isRescaling()) await this.#look();
        this.#seenAtMs = Date.now();
      } catch (thrown) {
        await this.#unseen(MillraceError.from(thrown));
      }
      // Until all run, somebody waits.
      await pause(this.#hasRun ? this.#options.pollIntervalMs : this.#options.pollIntervalMs / 4, this.#over.signal);
    }
  }

  async #look(): Promise<void> {
    const id = this.#view.flinkId;
    const details = await this.#cluster.job(id);
    if (id !== this.#view.flinkId) return;
    if (hasEnded(details.state)) {
      if (!this.#job.isRescaling()) await this.#ended(details);
      return;
    }
    this.#view.deployed(details.vertices);
    const state = jobState(details, this.#hasRun);
    if (state === 'running') {
      this.#hasRun = true;
      this.#running.resolve();
    } else if (!this.#hasRun) await this.#checkSlots(details);
    this.#job.found(state);
    this.#view.checkpoints = checkpointStatus(await this.#cluster.checkpoints(id));
    await this.#lookForRestarts(id);
    await this.#view.readMetrics(details.vertices);
    // Flink gathers metrics only when they are asked for, and answers before it has them.
    if (this.#view.isWhole || ++this.#looks >= looksForMetrics) this.#seen.resolve();
  }

  async #lookForRestarts(id: string): Promise<void> {
    const restarts = await this.#cluster.restarts(id);
    if (restarts <= this.#view.restarts) return;
    this.#view.restarts = restarts;
    const from = `Flink restarts the job from ${this.#view.checkpoints.last?.location ?? 'the beginning'}`;
    const failure = await newestFailure(this.#cluster, id, this.#view.name);
    // Without one, its adaptive scheduler gives the job other slots.
    if (failure === undefined) this.#log.info(`${from} to rescale it`, { restarts });
    else {
      this.#view.lastFailure = failure;
      this.#log.warn(`${from}: ${failure.message}`, { code: failure.code, restarts });
    }
  }

  /** Without slots a job waits, and Flink says nothing for long. */
  async #checkSlots({ vertices }: FlinkJobDetails): Promise<void> {
    const { slotTimeoutMs } = this.#options;
    if (waiting(vertices) === 0) this.#waitingSinceMs = undefined;
    else this.#waitingSinceMs ??= Date.now();
    if (this.#waitingSinceMs === undefined || Date.now() - this.#waitingSinceMs < slotTimeoutMs) return;
    const error = await noSlots(this.#cluster, this.#waitingJob(vertices), `has waited ${slotTimeoutMs} ms for slots`);
    // Where that fails, the next look comes here again: what was given up must not start later.
    await this.#cluster.cancel(this.#view.flinkId);
    await this.#job.ended('failed', error);
  }

  /** A JobManager may be replaced, and its successor has to read what it was doing. */
  async #unseen(error: MillraceError): Promise<void> {
    const { name, flinkId } = this.#view;
    if (Date.now() - this.#seenAtMs < this.#options.unreachableMs) return;
    const text =
      error.code === 'JOB_NOT_FOUND'
        ? `Flink at ${this.#cluster.address} does not know job ${name} (${flinkId}) any more: its JobManager was restarted without high availability (high-availability.type)`
        : `${error.message}; job ${name} (${flinkId}) may still run there`;
    this.#lost = new MillraceError(error.code, text, { details: error.details, cause: error });
    await this.#job.ended('failed', this.#lost);
  }

  async #ended({ state, vertices }: FlinkJobDetails): Promise<void> {
    this.#view.deployed(vertices);
    await this.#view.readMetrics(vertices).catch(() => undefined);
    this.#view.checkpoints = checkpointStatus(await this.#cluster.checkpoints(this.#view.flinkId));
    if (state === 'FAILED') await this.#job.ended('failed', await jobFailure(this.#cluster, this.#waitingJob(vertices)));
    else await this.#job.ended(state === 'CANCELED' ? 'cancelled' : 'finished');
  }

  #waitingJob(vertices: FlinkJobDetails['vertices']): { readonly flinkId: string; readonly name: string; readonly vertices: FlinkJobDetails['vertices'] } {
    return { flinkId: this.#view.flinkId, name: this.#view.name, vertices };
  }
}
