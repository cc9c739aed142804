import { deferred, type MillraceError } from '../../core/index.js';
import type { JobState, JobSummary } from '../../stream/engine.js';

export type EndState = 'finished' | 'suspended' | 'failed' | 'cancelled';

/**
 * Where a job is in its life, and those who wait for its end.
 *
 * ```
 * starting ──► running ◄──► rescaling          all subtasks ended ──► final cut ──► complete(finalCut) ──► finished
 *                 ├───► draining ─────────────────────┘
 *                 ├───► savepoint ──► suspended
 *                 └───► restarting ──► running      a region failed: it closes, waits, starts from the last cut
 *  any of these ──► failed (first cause) │ cancelled
 * ```
 */
export class JobLife {
  readonly startedAtMs = Date.now();
  readonly #end = deferred<JobSummary>();
  readonly #broken = deferred<never>();
  #isEnding = false;
  /** As if nothing restarted. */
  state: Exclude<JobState, 'restarting'> = 'starting';
  lastFailure: MillraceError | undefined;
  drainAsked = false;

  constructor() {
    // Whoever does not look at `finished` learns of a failure from status(); no crash by an unhandled rejection.
    this.#end.promise.catch(() => undefined);
    this.#broken.promise.catch(() => undefined);
  }

  get finished(): Promise<JobSummary> {
    return this.#end.promise;
  }

  /** Rejects when the job begins to end. */
  get whenBroken(): Promise<never> {
    return this.#broken.promise;
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Neither its end nor a new shape is under way. */
  get goesOn(): boolean {
    return !this.#isEnding && ['starting', 'running', 'draining'].includes(this.state);
  }

  /** From here on it only ends. */
  beginEnd(): void {
    this.#isEnding = true;
  }

  /** Whoever waits for something of the job waits in vain. */
  breakOff(why: MillraceError): void {
    this.#broken.reject(why);
  }

  failed(failure: MillraceError | undefined): void {
    this.state = 'failed';
    this.#end.reject(failure);
  }

  ended(state: Exclude<EndState, 'failed'>, summary: (state: Exclude<EndState, 'failed'>) => JobSummary): void {
    this.state = state;
    this.#end.resolve(summary(state));
  }
}
