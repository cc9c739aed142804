import { deferred, type Deferred } from '../../core/lifecycle.js';

/**
 * Readers share, a writer is alone: calls in flight end before weights change, and calls that come meanwhile wait, so that
 * no call sees half of an update.
 */
export class VersionGate {
  #readers = 0;
  #drained: Deferred<void> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #writers = 0;

  async read<T>(work: () => Promise<T>): Promise<T> {
    // Only writers that came before: continuations of one promise run in the order in which they were added, so this one
    // is counted before a later writer looks.
    if (this.#writers > 0) await this.#writing;
    this.#readers += 1;
    try {
      return await work();
    } finally {
      this.#readers -= 1;
      if (this.#readers === 0) this.#drained?.resolve();
    }
  }

  write(work: () => Promise<void>): Promise<void> {
    this.#writers += 1;
    const turn = this.#writing.then(async () => {
      try {
        await this.#whileRead();
        await work();
      } finally {
        this.#writers -= 1;
      }
    });
    // A failed update must not stop those behind it.
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  async #whileRead(): Promise<void> {
    if (this.#readers === 0) return;
    this.#drained = deferred();
    await this.#drained.promise;
    this.#drained = undefined;
  }
}
