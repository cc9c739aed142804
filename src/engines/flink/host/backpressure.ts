import type { MetricEntry } from '../../runtime/protocol.js';

/**
 * Says whether a subtask waits for room downstream most of the time: Java, which shows that in Flink, does not see it where
 * batches stay in their host.
 */
export class Backpressure {
  readonly #say: (isOn: boolean) => void;
  #isOn = false;
  #seconds = 0;
  #atMs: number;

  /** @param say is told of changes only */
  constructor(nowMs: number, say: (isOn: boolean) => void) {
    this.#atMs = nowMs;
    this.#say = say;
  }

  /** To be called a few times a second. @param seconds for which it has waited in all */
  look(nowMs: number, seconds: number): void {
    const isOn = (seconds - this.#seconds) * 2000 > nowMs - this.#atMs;
    this.#seconds = seconds;
    this.#atMs = nowMs;
    if (isOn === this.#isOn) return;
    this.#isOn = isOn;
    this.#say(isOn);
  }
}

/** Seconds for which the subtask has waited for room, by its metrics. */
export function backpressuredSeconds(entries: readonly MetricEntry[], values: Float64Array): number {
  const entry = entries.find(({ name }) => name === 'backpressured_seconds_total');
  return entry === undefined ? 0 : (values[entry.at] as number);
}
