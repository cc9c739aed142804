import { frameKind, type Frame } from '../../memory/frame.js';
import type { ChannelReader, NumberedReader } from '../../memory/channel.js';

/** Batches that were read and are not released yet. */
export const unacknowledgedGauge = 'unacknowledged_batches';

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
export class HeldReader implements ChannelReader {
  readonly #reader: NumberedReader;
  readonly #held: Held[] = [];
  #mark: OutputMark = () => () => true;
  readonly #positionOf: (sequence: number) => number;
  #unacknowledged = 0;
  #fence: { readonly count: number; readonly isSafe: () => boolean } | undefined;

  /** @param positionOf of a batch, by the number of its frame */
  constructor(reader: NumberedReader, positionOf: (sequence: number) => number) {
    this.#reader = reader;
    this.#positionOf = positionOf;
  }

  /** To be called once the outputs are there. */
  guard(mark: OutputMark): void {
    this.#mark = mark;
  }

  /** Batches that a successor would be given again. */
  get unacknowledged(): number {
    return this.#unacknowledged;
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
    if (frame.kind === frameKind.data) {
      this.#unacknowledged++;
      this.#held.push({ position: this.#positionOf(this.#reader.sequence), isDone: false });
    } else this.#held.push({ position: frame.kind === frameKind.endOfInput ? Infinity : 0, isDone: false });
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
      for (const { position } of this.#held.splice(0, count)) if (position > 0) this.#unacknowledged--;
      this.#reader.release(count);
    }
  }
}
