import { MillraceError } from '../../../core/errors.js';
import type { RingMemory } from '../../../memory/ring-memory.js';
import { RingReader } from '../../../memory/ring-reader.js';

/** So many are given back together: each time a writer that waits is woken. */
const together = 8;

/** A frame of a ring, until it is released. */
export interface RingFrame {
  readonly payload: Uint8Array;
  release(): void;
}

/** The reading end of a ring whose frames are named by references, and may be released in any order. */
export class RingFrames {
  readonly #reader: RingReader;
  /** Oldest first: read, and not released to the writer. */
  readonly #held: { isDone: boolean }[] = [];
  /** Since memory was given back. */
  #done = 0;

  constructor(memory: RingMemory) {
    this.#reader = new RingReader(memory);
  }

  /**
   * Those in front of it are passed over: a subtask that died had not sent their references, or they were dropped on their way.
   *
   * @throws UNAVAILABLE where it is not there: a predecessor has released it
   */
  read(sequence: number): RingFrame {
    for (;;) {
      const frame = this.#reader.tryRead();
      if (frame === undefined || this.#reader.sequence > sequence) {
        throw new MillraceError('UNAVAILABLE', `frame ${sequence} is not in the ring of this host any more`);
      }
      const held = { isDone: this.#reader.sequence < sequence };
      this.#held.push(held);
      if (!held.isDone) return { payload: frame.payload, release: () => this.#release(held) };
    }
  }

  #release(held: { isDone: boolean }): void {
    held.isDone = true;
    if (++this.#done >= together) this.#giveBack();
    else if (this.#done === 1) setImmediate(() => this.#giveBack());
  }

  #giveBack(): void {
    this.#done = 0;
    const open = this.#held.findIndex(({ isDone }) => !isDone);
    const count = open === -1 ? this.#held.length : open;
    this.#held.splice(0, count);
    this.#reader.release(count);
  }
}
