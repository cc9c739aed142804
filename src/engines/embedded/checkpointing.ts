import { MillraceError, withDeadline, type Logger, type MetricSample } from '../../core/index.js';
import { operatorFacts, type CheckpointInfo, type CheckpointKind, type JobCut, type CutState } from '../../stream/checkpoint.js';
import type { CheckpointStatus, JobSubmission } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { CutCoordinator } from './cut-coordinator.js';
import type { SubtaskHandle } from './subtask-handle.js';

export interface CutRequest {
  readonly handles: readonly SubtaskHandle[];
  readonly plan: JobGraph;
  /** Sources hold after the barrier. */
  readonly stop: boolean;
  /** undefined: for the engine itself, and durable only where all cuts of the job are. */
  readonly kind?: CheckpointKind;
  /** Place of a savepoint other than the store's own. */
  readonly target?: string;
}

export interface TakenCut {
  readonly cut: number;
  readonly state: CutState;
  /** Where it was made durable. */
  readonly info: CheckpointInfo | undefined;
}

/** What the next attempt starts from. */
export interface RecoveryPoint {
  readonly number: number;
  readonly state: CutState;
}

/**
 * Cuts of one job, one at a time: taken, made durable, remembered as the point to go back to.
 *
 * ```
 * take ──► all subtasks answered ──► written ──► complete: sinks commit, recovery goes back to here
 *                │                      │
 *                └──────── fails ───────┴──────► aborted: the job goes on, the cut before stays the last one
 * ```
 * Where a job takes checkpoints by itself, sinks commit on durable cuts only: what was committed is never taken again.
 */
export class Checkpointing {
  readonly #submission: JobSubmission;
  readonly #log: Logger;
  readonly #cuts: CutCoordinator;
  readonly #keepsState: boolean;
  readonly #limitMs: number;
  #point: RecoveryPoint | undefined;
  #completed = 0;
  #failed = 0;
  #last: CheckpointInfo | undefined;
  #lastError: MillraceError | undefined;
  #cutMs = 0;

  /** @param keepsState false where nothing ever restarts: no state is held then */
  constructor(submission: JobSubmission, restored: RecoveryPoint | undefined, options: { cutTimeoutMs: number; keepsState: boolean; log: Logger }) {
    this.#submission = submission;
    this.#log = options.log;
    this.#keepsState = options.keepsState;
    this.#limitMs = options.cutTimeoutMs;
    this.#point = restored;
    const first = Math.max(restored?.number ?? 0, submission.checkpoints?.after ?? 0);
    this.#cuts = new CutCoordinator(options.cutTimeoutMs, first);
  }

  get point(): RecoveryPoint | undefined {
    return this.#point;
  }

  /** Number of the newest cut that was begun. */
  get lastCut(): number {
    return this.#cuts.last;
  }

  /** True where sinks must not commit on a cut that is in memory only. */
  get isDurable(): boolean {
    return this.#submission.checkpoints?.everyMs !== undefined && this.#submission.checkpoints.store !== undefined;
  }

  /** Forgets the state that the job was started from, where it will never be asked for again. */
  started(): void {
    if (!this.#keepsState) this.#point = undefined;
  }

  /**
   * Takes a cut and completes it.
   *
   * @throws CUT_FAILED, DISK_FULL, IO_FAILED, …; the job goes on as before, and the failure is counted
   */
  async take(request: CutRequest): Promise<TakenCut> {
    const { handles, plan, stop, kind, target } = request;
    const startedMs = performance.now();
    try {
      const { cut, state } = await this.#cuts.take(handles, stop);
      this.#cutMs = performance.now() - startedMs;
      const info = await this.#write(plan, cut, state, kind ?? (this.isDurable ? 'checkpoint' : undefined), target).catch((thrown: unknown) => {
        this.#abort(handles, cut);
        throw thrown;
      });
      // A savepoint elsewhere is nothing that a restart would find: what sinks hold stays pending for the next cut.
      if (target !== undefined && !stop) this.#abort(handles, cut);
      else {
        this.#remember({ number: cut, state });
        for (const handle of handles) if (handle.ended === undefined) handle.post({ type: 'complete', cut });
      }
      return { cut, state, info };
    } catch (thrown) {
      this.#failure(MillraceError.from(thrown), kind);
      throw thrown;
    }
  }

  /** All subtasks have ended: their last states make the last cut. @throws DISK_FULL, IO_FAILED, … */
  async final(plan: JobGraph, state: CutState): Promise<void> {
    const number = this.#cuts.next();
    try {
      await this.#write(plan, number, state, this.isDurable ? 'final' : undefined, undefined);
      this.#remember({ number, state });
    } catch (thrown) {
      this.#failure(MillraceError.from(thrown), 'final');
      throw thrown;
    }
  }

  answered(...args: Parameters<CutCoordinator['answered']>): void {
    this.#cuts.answered(...args);
  }

  declined(...args: Parameters<CutCoordinator['declined']>): void {
    this.#cuts.declined(...args);
  }

  ended(): void {
    this.#cuts.ended();
  }

  abandon(error: MillraceError): void {
    this.#cuts.abandon(error);
  }

  get status(): CheckpointStatus {
    const error = this.#lastError;
    return {
      completed: this.#completed,
      failed: this.#failed,
      ...(this.#last === undefined ? {} : { last: this.#last }),
      ...(error === undefined ? {} : { lastError: { code: error.code, message: error.message } }),
    };
  }

  metrics(labels: Readonly<Record<string, string>>): MetricSample[] {
    const sample = (name: string, type: 'counter' | 'gauge', help: string, value: number): MetricSample => ({
      name: `millrace_${name}`,
      help,
      type,
      labels,
      value,
    });
    return [
      sample('checkpoints_total', 'counter', 'Cuts of the job that were made durable.', this.#completed),
      sample('checkpoints_failed_total', 'counter', 'Cuts that could not be taken or not be written; the job went on.', this.#failed),
      sample('checkpoint_number', 'gauge', 'Number of the newest durable cut.', this.#last?.number ?? 0),
      sample('checkpoint_bytes', 'gauge', 'Bytes of the newest durable cut.', this.#last?.bytes ?? 0),
      sample('checkpoint_cut_seconds', 'gauge', 'From the start of the newest cut until every subtask had answered.', this.#cutMs / 1000),
      sample('checkpoint_write_seconds', 'gauge', 'Time that writing the newest durable cut took.', (this.#last?.writeMs ?? 0) / 1000),
    ];
  }

  async #write(
    plan: JobGraph,
    number: number,
    state: CutState,
    kind: CheckpointKind | undefined,
    target: string | undefined,
  ): Promise<CheckpointInfo | undefined> {
    const store = this.#submission.checkpoints?.store;
    if (store === undefined || kind === undefined) return undefined;
    const { id, name, bundle, params } = this.#submission;
    const cut: JobCut = {
      ...{ number, kind, state, takenAtMs: Date.now(), job: { id, name }, bundle: bundle.hash, params },
      ...{ keyGroups: plan.keyGroups, fingerprint: plan.fingerprint, operators: operatorFacts(plan) },
    };
    const info = await withDeadline(store.write(cut, target), { ms: this.#limitMs, what: `${kind} ${number}: writing it` });
    this.#completed++;
    this.#last = info;
    this.#lastError = undefined;
    this.#log.debug(`${kind} ${number} written`, {
      location: info.location,
      bytes: info.bytes,
      cutMs: Math.round(this.#cutMs),
      writeMs: Math.round(info.writeMs),
    });
    return info;
  }

  #remember(point: RecoveryPoint): void {
    if (this.#keepsState) this.#point = point;
  }

  #abort(handles: readonly SubtaskHandle[], cut: number): void {
    for (const handle of handles) if (handle.ended === undefined) handle.post({ type: 'abort', cut });
  }

  #failure(error: MillraceError, kind: CheckpointKind | undefined): void {
    // A cut that the end or a restart of the job took along has not failed by itself.
    if (error.details['abandoned'] === true) return;
    this.#failed++;
    this.#lastError = error;
    this.#log.error(`${kind ?? 'cut'} failed, the job goes on: ${error.message}`, { code: error.code });
  }
}
