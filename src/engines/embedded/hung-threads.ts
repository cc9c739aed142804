import { MillraceError, systemClock, type CancelTimer, type Clock, type MetricGroup } from '../../core/index.js';
import type { SubtaskHandle } from './subtask-handle.js';

/** Beats of a thread in one `hangTimeout`, and looks of the main thread at them. */
const beatsPerTimeout = 8;
const beatCounter = 'event_loop_beats_total';

/** On the thread of a subtask: counts in shared memory as long as its event loop gets its turn. @returns stop */
export function beat(metrics: MetricGroup, limitMs: number): () => void {
  const beats = metrics.counter(beatCounter, 'Signs of life of the thread that the subtask runs on.');
  const timer = setInterval(() => beats.add(1), limitMs / beatsPerTimeout);
  return () => clearInterval(timer);
}

/**
 * Finds subtasks whose threads have not come back to their event loops for too long: an endless loop, or a call that blocks. A
 * promise that is waited for is none: node entries wait for hours.
 *
 * Silence is counted in looks, not in time: where the whole process was stopped, nobody is blamed for it.
 */
export class HungThreads {
  readonly #limitMs: number;
  readonly #handles: () => readonly SubtaskHandle[];
  readonly #onHung: (handle: SubtaskHandle, error: MillraceError) => void;
  readonly #clock: Clock;
  readonly #seen = new WeakMap<SubtaskHandle, { readonly beats: number; readonly silentLooks: number }>();
  #cancel: CancelTimer;

  /** @param handles of what is deployed now */
  constructor(limitMs: number, handles: () => readonly SubtaskHandle[], onHung: (handle: SubtaskHandle, error: MillraceError) => void, clock = systemClock) {
    this.#limitMs = limitMs;
    this.#handles = handles;
    this.#onHung = onHung;
    this.#clock = clock;
    this.#cancel = this.#later();
  }

  stop(): void {
    this.#cancel();
  }

  #later(): CancelTimer {
    return this.#clock.after(this.#limitMs / beatsPerTimeout, () => {
      this.#cancel = this.#later();
      for (const handle of this.#handles()) this.#look(handle);
    });
  }

  /** Opening and closing have deadlines of their own. */
  #look(handle: SubtaskHandle): void {
    const beats = handle.value(beatCounter);
    if (!handle.running || handle.closed || beats === undefined) return;
    const before = this.#seen.get(handle);
    const silentLooks = before?.beats === beats ? before.silentLooks + 1 : 0;
    this.#seen.set(handle, { beats, silentLooks });
    // One more than fits into the limit: beats and looks are not in step.
    if (silentLooks === beatsPerTimeout + 1) this.#onHung(handle, this.#error(handle));
  }

  #error({ name }: SubtaskHandle): MillraceError {
    return new MillraceError(
      'THREAD_LOST',
      `${name}: its thread hangs, it has not come back to its event loop for ${this.#limitMs} ms (hangTimeout), and is ended by force; look for an endless loop, or raise hangTimeout above the longest call of a user function`,
      { details: { subtask: name, limitMs: this.#limitMs } },
    );
  }
}
