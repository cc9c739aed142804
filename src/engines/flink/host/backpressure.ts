/**
 * Says whether a subtask waits for room downstream most of the time: Java, which shows that in Flink, does not see it where
 * batches stay in their host.
 */
export class Backpressure {
  readonly #say: (isOn: boolean) => void;
  #isOn = false;
  #waitedMs = 0;
  #atMs: number;

  /** @param say is told of changes only */
  constructor(nowMs: number, say: (isOn: boolean) => void) {
    this.#atMs = nowMs;
    this.#say = say;
  }

  /** To be called a few times a second. @param waitedMs for which it has waited in all */
  look(nowMs: number, waitedMs: number): void {
    const isOn = (waitedMs - this.#waitedMs) * 2 > nowMs - this.#atMs;
    this.#waitedMs = waitedMs;
    this.#atMs = nowMs;
    if (isOn === this.#isOn) return;
    this.#isOn = isOn;
    this.#say(isOn);
  }
}
