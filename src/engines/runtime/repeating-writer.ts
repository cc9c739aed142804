import type { ChannelWriter, NamingWriter } from '../../memory/channel.js';
import { frameKind, type FrameKind } from '../../memory/frame.js';

/**
 * The output of a subtask that may be replaced: each frame of records is named by the batch that it was made of, and a frame
 * that a predecessor has written already is left out. So what a repeated batch leads to comes once.
 *
 * It counts on three things: frames of a batch are written before the next batch is begun, a batch is cut into the same frames
 * each time, and they go to the same channels.
 */
export class RepeatingWriter implements ChannelWriter {
  readonly #writer: NamingWriter;
  readonly #position: () => number;
  #at = 0;
  #frames = 0;

  /** @param position of the batch that is being processed */
  constructor(writer: NamingWriter, position: () => number) {
    this.#writer = writer;
    this.#position = position;
  }

  get maxPayloadBytes(): number {
    return this.#writer.maxPayloadBytes;
  }

  get capacityBytes(): number {
    return this.#writer.capacityBytes;
  }

  get isFull(): boolean {
    return this.#writer.isFull === true;
  }

  get usedBytes(): number {
    return this.#writer.usedBytes;
  }

  tryWrite(kind: FrameKind, options?: Parameters<ChannelWriter['tryWrite']>[1]): boolean {
    if (kind !== frameKind.data) return this.#writer.tryWrite(kind, options);
    const position = this.#position();
    if (position !== this.#at) {
      this.#at = position;
      this.#frames = 0;
    }
    const name = { position, frames: this.#frames + 1 };
    if (!this.#isThere(name.position, name.frames) && !this.#writer.tryWrite(kind, { ...options, name })) return false;
    this.#frames++;
    return true;
  }

  #isThere(position: number, frames: number): boolean {
    const { named } = this.#writer;
    return named !== undefined && (position < named.position || (position === named.position && frames <= named.frames));
  }
}
