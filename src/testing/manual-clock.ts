import type { CancelTimer, Clock } from '../core/index.js';

/** A clock that stands still until a test moves it; timers run inside the call that passes their time. */
export class ManualClock implements Clock {
  #now: number;
  #sequence = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly action: () => void }>();

  /** @param startMs ms since the epoch */
  constructor(startMs = 0) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, action: () => void): CancelTimer {
    const id = this.#sequence++;
    this.#timers.set(id, { at: this.#now + Math.max(delayMs, 0), action });
    return () => {
      this.#timers.delete(id);
    };
  }

  /** Timers that have not run. */
  get pendingCount(): number {
    return this.#timers.size;
  }

  /** Moves time on by `ms`, running timers in order of their times, and of their making where these are equal. */
  advance(ms: number): void {
    this.advanceTo(this.#now + ms);
  }

  advanceTo(timeMs: number): void {
    for (;;) {
      let next: [number, { readonly at: number; readonly action: () => void }] | undefined;
      for (const entry of this.#timers) if (entry[1].at <= timeMs && (next === undefined || entry[1].at < next[1].at)) next = entry;
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].at);
      next[1].action();
    }
    this.#now = Math.max(this.#now, timeMs);
  }
}
