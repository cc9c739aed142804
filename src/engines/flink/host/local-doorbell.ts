import type { Doorbell } from '../../../memory/channel.js';

/** A doorbell that only its own thread rings: whatever comes from elsewhere comes as an event of a socket. */
export class LocalDoorbell implements Doorbell {
  epoch = 0;
  #wake: (() => void) | undefined;

  wait(seen: number, timeoutMs: number): Promise<void> {
    // The event loop gets its turn all the same.
    if (seen !== this.epoch) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), Math.max(timeoutMs, 0));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  ring(): void {
    this.epoch++;
    this.#wake?.();
  }
}
