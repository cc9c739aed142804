import { frameKind, type Frame } from '../../memory/frame.js';
import type { ChannelReader, NumberedReader } from '../../memory/channel.js';
import type { InputLane } from '../../stream/subtask.js';

/** Undefined while an output waits for room; else tells whether all that has been written so far would outlive the subtask. */
export type OutputMark = () => (() => boolean) | undefined;

interface Held {
  readonly position: number;
  isDone: boolean;
}

/**
 * The input of a subtask that may be replaced: frames are released when they are acknowledged, in order, and not before
 * everything that they led to is out of the subtask's hands.
 *
 * ```
 *  released   done, outputs not yet safe   acknowledged   read
 *  ... free | fence ..................... | held ........ | waiting ...      a successor begins behind `released`
 * ```
 * A control frame is done when the subtask has gone on from it. The end of the input is never released: a successor must see it.
 */
export class HeldReader implements ChannelReader, InputLane {
  readonly #reader: NumberedReader;
  readonly #held: Held[] = [];
  #mark: OutputMark = () => () => true;
  #position = 0;
  #fence: { readonly count: number; readonly isSafe: () => boolean } | undefined;

  constructor(
    reader: NumberedReader,
    readonly barrier: number,
  ) {
    this.#reader = reader;
  }

  /** To be called once the outputs are there. */
  guard(mark: OutputMark): void {
    this.#mark = mark;
  }

  get position(): number {
    return this.#position;
  }

  /** Batches that a successor would be given again. */
  get unacknowledged(): number {
    return this.#held.filter(({ position }) => position > 0).length;
  }

  get releasedFrames(): number {
    return this.#reader.releasedFrames;
  }

  get usedBytes(): number {
    return this.#reader.usedBytes;
  }

  tryRead(): Frame | undefined {
    this.#release();
    const frame = this.#reader.tryRead();
    if (frame === undefined) return undefined;
    const isBatch = frame.kind === frameKind.data;
    if (isBatch) this.#position = this.#reader.sequence + 1;
    this.#held.push({ position: isBatch ? this.#position : frame.kind === frameKind.endOfInput ? Infinity : 0, isDone: false });
    return frame;
  }

  /** The loop has gone on from the last frame. */
  release(): void {
    const last = this.#held.at(-1);
    if (last?.position === 0) last.isDone = true;
    this.#release();
  }

  acknowledge(position: number): void {
    const held = this.#held.find((each) => each.position === position);
    if (held !== undefined) held.isDone = true;
    this.#release();
  }

  #release(): void {
    for (;;) {
      if (this.#fence === undefined) {
        const open = this.#held.findIndex(({ isDone }) => !isDone);
        const count = open === -1 ? this.#held.length : open;
        const isSafe = count === 0 ? undefined : this.#mark();
        if (isSafe === undefined) return;
        this.#fence = { count, isSafe };
      }
      const { count, isSafe } = this.#fence;
      if (!isSafe()) return;
      this.#fence = undefined;
      this.#held.splice(0, count);
      this.#reader.release(count);
    }
  }
}
