import type { Counter, MetricGroup } from '../../core/metrics.js';

/** How a subtask spends its time; the shares add up to one. */
export type TimeKind = 'busy' | 'idle' | 'backpressured';

/** Charges the time between laps to what the subtask was doing. */
export class LoopClock {
  readonly #counters: Readonly<Record<TimeKind, Counter>>;
  #at = 0;
  #waits: TimeKind | undefined;
  #backpressuredMs = 0;

  constructor(metrics: MetricGroup) {
    this.#counters = {
      busy: metrics.counter('busy_seconds_total', 'Time in which the subtask worked.'),
      idle: metrics.counter('idle_seconds_total', 'Time in which the subtask waited for input.'),
      backpressured: metrics.counter('backpressured_seconds_total', 'Time in which the subtask waited for room downstream.'),
    };
  }

  start(): number {
    this.#at = performance.now();
    return this.#at;
  }

  /** From now on, until the next lap. */
  waits(kind: TimeKind): void {
    this.#waits = kind;
  }

  /** Time spent waiting for room downstream, with the wait that has not ended. */
  backpressuredMs(nowMs: number): number {
    return this.#backpressuredMs + (this.#waits === 'backpressured' ? nowMs - this.#at : 0);
  }

  /** Charges the time since the last lap to `kind`. @returns performance.now() */
  lap(kind: TimeKind): number {
    const now = performance.now();
    this.#counters[kind].add((now - this.#at) / 1000);
    if (kind === 'backpressured') this.#backpressuredMs += now - this.#at;
    this.#waits = undefined;
    this.#at = now;
    return now;
  }
}
