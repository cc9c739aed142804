import type { NumberedReader } from '../../../memory/channel.js';
import { frameKind, type Frame, type FrameKind } from '../../../memory/frame.js';
import type { LinkFrame } from './wire.js';

/**
 * The records that come to a subtask which may be replaced, as a channel: Java keeps each until it is released here, and gives a
 * successor what was not, under the same numbers.
 */
export class LinkReader implements NumberedReader {
  readonly #acknowledge: (sent: () => void) => void;
  readonly #waiting: LinkFrame[] = [];
  readonly #read: LinkFrame[] = [];
  #sequence: number;
  #released: number;

  /**
   * @param released frames that predecessors have released
   * @param acknowledge tells Java of one more, and calls back when it will hear of it
   */
  constructor(released: number, acknowledge: (sent: () => void) => void) {
    this.#released = released;
    this.#sequence = released - 1;
    this.#acknowledge = acknowledge;
  }

  /** A frame of DATA has come, and is the next one to be read. */
  push(frame: LinkFrame): void {
    this.#waiting.push(frame);
  }

  get sequence(): number {
    return this.#sequence;
  }

  get releasedFrames(): number {
    return this.#released;
  }

  get usedBytes(): number {
    return [...this.#read, ...this.#waiting].reduce((sum, { payload }) => sum + payload.length, 0);
  }

  tryRead(): Frame | undefined {
    const frame = this.#waiting.shift();
    if (frame === undefined) return undefined;
    this.#read.push(frame);
    this.#sequence++;
    return recordFrame(frame);
  }

  release(count: number): void {
    for (const frame of this.#read.splice(0, count)) {
      this.#released++;
      // Not before: a successor is given again what Java has not heard of, and it must be there.
      this.#acknowledge(() => frame.release());
    }
  }
}

/** The frame that one of the link carries: its kind lies in the flags, and only idle has one of its own, in place of a number. */
export function recordFrame({ flags: kind, number, payload }: LinkFrame): Frame {
  return { kind: kind as FrameKind, flags: kind === frameKind.idle ? number : 0, number, payload };
}
