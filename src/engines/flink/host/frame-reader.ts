import { MillraceError } from '../../../core/errors.js';
import type { FramePool } from './frame-pool.js';
import { headerBytes, largestFrameBytes, prefixBytes, type FrameMemory, type LinkFrame } from './wire.js';

/** Puts frames together out of the pieces in which a socket brings them; each byte is copied once, to its aligned place. */
export class FrameReader {
  readonly #pool: FramePool;
  readonly #deliver: (frame: LinkFrame) => void;
  readonly #prefix = new Uint8Array(prefixBytes);
  #prefixFilled = 0;
  #memory: FrameMemory | undefined;
  #payload: Uint8Array = new Uint8Array(0);
  #filled = 0;

  constructor(pool: FramePool, deliver: (frame: LinkFrame) => void) {
    this.#pool = pool;
    this.#deliver = deliver;
  }

  /** True where the last frame is not whole yet. */
  get inFrame(): boolean {
    return this.#prefixFilled > 0;
  }

  /**
   * @param chunk is the caller's again afterwards
   * @throws PROTOCOL where a frame has an impossible length, and what `deliver` throws
   */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length || this.#isWhole();) {
      if (this.#memory === undefined) at += this.#takePrefix(chunk, at);
      else at += this.#takePayload(chunk, at);
    }
  }

  #isWhole(): boolean {
    return this.#memory !== undefined && this.#filled === this.#payload.length;
  }

  #takePrefix(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + prefixBytes - this.#prefixFilled);
    this.#prefix.set(part, this.#prefixFilled);
    this.#prefixFilled += part.length;
    if (this.#prefixFilled === prefixBytes) this.#begin();
    return part.length;
  }

  #begin(): void {
    const length = new DataView(this.#prefix.buffer).getUint32(0, true);
    if (length < headerBytes || length > largestFrameBytes) {
      throw new MillraceError('PROTOCOL', `a frame of ${length} bytes came over the socket of Flink; ${headerBytes} to ${largestFrameBytes} are allowed`);
    }
    const payloadBytes = length - headerBytes;
    this.#memory = this.#pool.take(payloadBytes);
    this.#memory.frame(0).set(this.#prefix);
    this.#payload = this.#memory.payload(payloadBytes);
    this.#filled = 0;
  }

  #takePayload(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + this.#payload.length - this.#filled);
    this.#payload.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#isWhole()) this.#end(this.#memory as FrameMemory);
    return part.length;
  }

  #end(memory: FrameMemory): void {
    this.#memory = undefined;
    this.#prefixFilled = 0;
    this.#deliver({ ...memory.header, payload: this.#payload, release: () => this.#pool.give(memory) });
  }
}
