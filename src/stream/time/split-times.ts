import type { Clock } from '../../core/clock.js';
import type { Output } from '../subtask.js';
import type { TimeSelector } from './event-times.js';

/** How a source that knows its splits makes event time: each split has a watermark of its own. */
export interface SplitTimesOptions {
  readonly time: TimeSelector;
  readonly outOfOrdernessMs: number;
  /** A split without a record for this long holds the watermark back no more; undefined: never. */
  readonly idleMs: number | undefined;
}

interface SplitTime {
  newest: number;
  lastRecordAt: number;
  isIdle: boolean;
}

/**
 * The watermark of a source that reads several splits at once: the least of the splits' own, so that a split that is
 * behind makes none of its records late. A split that has ended or is idle does not count; without any that counts the
 * subtask is idle.
 */
export class SplitTimes {
  readonly #options: Pick<SplitTimesOptions, 'outOfOrdernessMs' | 'idleMs'>;
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #splits = new Map<string, SplitTime>();
  #emitted = -Infinity;
  #isIdle = false;

  constructor(options: Pick<SplitTimesOptions, 'outOfOrdernessMs' | 'idleMs'>, output: Output, clock: Clock) {
    this.#options = options;
    this.#output = output;
    this.#clock = clock;
  }

  /** @param newest event time of the newest record that was read before a restore */
  add(split: string, newest = -Infinity): void {
    this.#splits.set(split, { newest, lastRecordAt: this.#clock.now(), isIdle: false });
  }

  end(split: string): void {
    this.#splits.delete(split);
  }

  newestOf(split: string): number {
    return this.#splits.get(split)?.newest ?? -Infinity;
  }

  /** Records of a split are about to be emitted, the newest of them at `newest`. */
  observe(split: string, newest: number): void {
    const state = this.#splits.get(split);
    if (state === undefined) return;
    state.lastRecordAt = this.#clock.now();
    state.isIdle = false;
    if (newest > state.newest) state.newest = newest;
    this.#setIdle(false);
  }

  /** Emits what follows from the splits now: after records, and when a split may have become idle. */
  emit(): void {
    const { idleMs, outOfOrdernessMs } = this.#options;
    const now = this.#clock.now();
    let least = Infinity;
    for (const state of this.#splits.values()) {
      if (idleMs !== undefined && now >= state.lastRecordAt + idleMs) state.isIdle = true;
      if (!state.isIdle && state.newest < least) least = state.newest;
    }
    const watermark = least - outOfOrdernessMs - 1;
    if (Number.isFinite(watermark) && watermark > this.#emitted) {
      this.#emitted = watermark;
      this.#output.emitWatermark(watermark);
    }
    if (least === Infinity) this.#setIdle(true);
  }

  /** When the next split may become idle, ms of the clock; Infinity for never. */
  get nextIdleAt(): number {
    const { idleMs } = this.#options;
    let next = Infinity;
    if (idleMs !== undefined) for (const { isIdle, lastRecordAt } of this.#splits.values()) if (!isIdle) next = Math.min(next, lastRecordAt + idleMs);
    return next;
  }

  #setIdle(isIdle: boolean): void {
    if (isIdle === this.#isIdle) return;
    this.#isIdle = isIdle;
    this.#output.emitIdle(isIdle);
  }
}
