import type { Doorbell } from '../../../memory/channel.js';
import { createDoorbell, type DoorbellMemory } from '../../../memory/doorbell.js';

/**
 * The doorbell of a subtask whose frames come as events of a socket, which its own thread rings for; and of rings to others of
 * its host, where room is made by their threads.
 *
 * To be woken from there costs a call, so it sleeps for that only where it was told to ({@link LinkDoorbell.listen}).
 */
export class LinkDoorbell implements Doorbell {
  readonly #shared = createDoorbell();
  #own = 0;
  #listens = false;
  #wake: (() => void) | undefined;

  /** For whoever rings from another thread. */
  get memory(): DoorbellMemory {
    return this.#shared.memory;
  }

  get epoch(): number {
    return this.#own + this.#shared.epoch;
  }

  /** The next wait is for other threads, too. */
  listen(): void {
    this.#listens = true;
  }

  wait(seen: number, timeoutMs: number): Promise<void> {
    const shared = this.#shared.epoch;
    // The event loop gets its turn all the same.
    if (seen !== this.#own + shared) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      let listening = this.#listens;
      const end = (): void => {
        if (this.#wake !== end) return;
        this.#wake = undefined;
        clearTimeout(timer);
        // Nobody is left waiting on the cell.
        if (listening) this.#shared.ring();
        resolve();
      };
      const timer = setTimeout(end, Math.max(timeoutMs, 0));
      this.#wake = end;
      this.#listens = false;
      if (!listening) return;
      void this.#shared.wait(shared, timeoutMs).then(() => {
        listening = false;
        end();
      });
    });
  }

  ring(): void {
    this.#own++;
    this.#wake?.();
  }
}
