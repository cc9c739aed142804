import { deferred, type Deferred } from '../../core/index.js';
import type { RecordBatch } from '../../memory/batch.js';

/**
 * Hands batches from the engine to a node entry, one at a time: `offer` resolves when the entry asks for the next one, so
 * the entry is between batches whenever the engine goes on.
 */
export class NodeInput implements AsyncIterable<RecordBatch> {
  #batch: RecordBatch | undefined;
  #wanted: Deferred<void> | undefined;
  #arrived: Deferred<void> = deferred();
  #hasEnded = false;
  #asked: Deferred<void> = deferred();

  /** Resolves when the entry waits for a batch, or wants no more: it is between batches. */
  asked(): Promise<void> {
    return this.#asked.promise;
  }

  /** Resolves when the entry has asked for the batch after this one, or the input was closed. */
  offer(batch: RecordBatch): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    this.#batch = batch;
    this.#wanted = deferred();
    this.#asked = deferred();
    this.#arrived.resolve();
    return this.#wanted.promise;
  }

  /** The entry gets no more batches. */
  end(): void {
    this.#hasEnded = true;
    this.#arrived.resolve();
    this.#asked.resolve();
    this.#wanted?.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<RecordBatch> {
    try {
      for (;;) {
        if (this.#batch === undefined && !this.#hasEnded) {
          this.#asked.resolve();
          await this.#arrived.promise;
        }
        const batch = this.#batch;
        if (batch === undefined) return;
        this.#batch = undefined;
        this.#arrived = deferred();
        yield batch;
        this.#wanted?.resolve();
      }
    } finally {
      // An entry that leaves its loop early wants no more.
      this.end();
    }
  }
}
