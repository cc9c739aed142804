import { decodeError, MillraceError, systemClock, type CancelTimer, type EncodedError } from '../../core/index.js';
import type { ChainState } from '../runtime/protocol.js';
import type { CutState } from '../../stream/checkpoint.js';
import { mergeStates } from './restore.js';
import type { SubtaskHandle } from './subtask-handle.js';

interface RunningCut {
  readonly cut: number;
  readonly handles: readonly SubtaskHandle[];
  readonly answers: Map<SubtaskHandle, ChainState>;
  readonly resolve: (state: CutState) => void;
  readonly reject: (error: MillraceError) => void;
  readonly cancelDeadline: CancelTimer;
}

/**
 * Takes cuts, one at a time: asks the sources, gathers an answer of every subtask that has not ended, or gives up at the
 * deadline. The last state of a subtask that ended before the barrier counts as its answer.
 */
export class CutCoordinator {
  readonly #timeoutMs: number;
  #running: RunningCut | undefined;
  #last: number;

  /** @param after number of the last cut of earlier runs */
  constructor(timeoutMs: number, after = 0) {
    this.#timeoutMs = timeoutMs;
    this.#last = after;
  }

  /** Number of the newest cut that was begun. */
  get last(): number {
    return this.#last;
  }

  /** The number of a cut that is taken without barriers. */
  next(): number {
    return ++this.#last;
  }

  /**
   * @param stop sources hold after the barrier, so that everything read before it has been processed when the cut is there
   * @throws CUT_FAILED naming the subtask that declined, or those that did not answer; the job goes on
   */
  take(handles: readonly SubtaskHandle[], stop: boolean): Promise<{ readonly cut: number; readonly state: CutState }> {
    const cut = this.next();
    const taken = new Promise<CutState>((resolve, reject) => {
      const cancelDeadline = systemClock.after(this.#timeoutMs, () => this.#give(this.#late()));
      this.#running = { cut, handles, answers: new Map(), resolve, reject, cancelDeadline };
    });
    for (const handle of handles) handle.post({ type: 'cut', cut, stop });
    this.ended();
    return taken.then((state) => ({ cut, state }));
  }

  answered(handle: SubtaskHandle, cut: number, state: ChainState): void {
    if (this.#running?.cut !== cut) return;
    this.#running.answers.set(handle, state);
    this.ended();
  }

  declined(cut: number, error: EncodedError): void {
    if (this.#running?.cut !== cut) return;
    const cause = decodeError(error);
    this.#give(new MillraceError('CUT_FAILED', `cut ${cut} was declined: ${cause.message}`, { cause, details: { cut, ...cause.details } }));
  }

  /** To be called when a subtask has ended: perhaps nobody else is waited for. */
  ended(): void {
    const running = this.#running;
    if (running === undefined) return;
    const states: ChainState[] = [];
    for (const handle of running.handles) {
      // Who answered and ended since has passed the barrier before its end: its last state is a later one than this cut's.
      const state = running.answers.get(handle) ?? handle.ended;
      if (state === undefined) return;
      states.push(state);
    }
    this.#running = undefined;
    running.cancelDeadline();
    running.resolve(mergeStates(states));
  }

  /** The job ends: nobody waits for this cut any more. */
  abandon(error: MillraceError): void {
    if (this.#running !== undefined) this.#give(error);
  }

  #late(): MillraceError {
    const { cut, handles, answers } = this.#running as RunningCut;
    const silent = handles.filter((handle) => handle.ended === undefined && !answers.has(handle)).map((handle) => handle.name);
    return new MillraceError('CUT_FAILED', `cut ${cut}: no answer within ${this.#timeoutMs} ms from ${silent.join(', ')}; the job goes on without it`, {
      details: { cut, subtasks: silent, limitMs: this.#timeoutMs },
    });
  }

  #give(error: MillraceError): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.cancelDeadline();
    for (const handle of running.handles) handle.post({ type: 'abort', cut: running.cut });
    running.reject(error);
  }
}
