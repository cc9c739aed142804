import { MillraceError } from '../../../core/errors.js';
import type { FramePool } from './frame-pool.js';
import { headerBytes, largestFrameBytes, prefixBytes, type FrameMemory, type LinkFrame } from './wire.js';

/** Where frames are small, one read brings many of them. */
const sharedBytes = 64 * 1024;
/** A frame of so much is read to where it stays; one more read costs less than its copy. */
const directBytes = 8 * 1024;

/**
 * Puts frames together out of the pieces in which a socket brings them.
 *
 * ```
 *            ┌─ between frames, in a small one ──► shared buffer ──copy──► frame memory, aligned
 * target ────┤
 *            └─ in a large one ──► its memory: the rest of it, and the prefix of the next one
 * ```
 */
export class FrameReader {
  readonly #pool: FramePool;
  readonly #deliver: (frame: LinkFrame) => void;
  readonly #shared = new Uint8Array(sharedBytes);
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
    return this.#memory !== undefined || this.#prefixFilled > 0;
  }

  /** Where the next bytes are to be written; valid until {@link FrameReader.accept}. */
  get target(): Uint8Array {
    return this.#isDirect ? (this.#memory as FrameMemory).rest(this.#filled, this.#payload.length) : this.#shared;
  }

  /**
   * So many bytes lie in the target.
   *
   * @throws PROTOCOL where a frame has an impossible length, and what `deliver` throws
   */
  accept(bytes: number): void {
    if (this.#isDirect) this.#acceptDirect(bytes);
    else this.#copy(this.#shared.subarray(0, bytes));
  }

  get #isDirect(): boolean {
    return this.#memory !== undefined && this.#payload.length >= directBytes;
  }

  #acceptDirect(bytes: number): void {
    const rest = this.#payload.length - this.#filled;
    this.#filled += Math.min(bytes, rest);
    if (bytes < rest) return;
    const memory = this.#memory as FrameMemory;
    // Before the frame is delivered, and its memory somebody else's.
    this.#prefix.set(memory.rest(this.#payload.length, this.#payload.length).subarray(0, bytes - rest));
    this.#prefixFilled = bytes - rest;
    this.#end(memory);
    if (this.#prefixFilled === prefixBytes) this.#begin();
  }

  #copy(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#memory === undefined) at += this.#takePrefix(chunk, at);
      else at += this.#takePayload(chunk, at);
    }
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
    const memory = this.#pool.take(payloadBytes);
    memory.frame(0).set(this.#prefix);
    this.#prefixFilled = 0;
    this.#memory = memory;
    this.#payload = memory.payload(payloadBytes);
    this.#filled = 0;
    if (payloadBytes === 0) this.#end(memory);
  }

  #takePayload(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + this.#payload.length - this.#filled);
    this.#payload.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === this.#payload.length) this.#end(this.#memory as FrameMemory);
    return part.length;
  }

  #end(memory: FrameMemory): void {
    this.#memory = undefined;
    this.#deliver({ ...memory.header, payload: this.#payload, release: () => this.#pool.give(memory) });
  }
}
