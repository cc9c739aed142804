import type { Frame } from './frame.js';
import { readFrameNumber, writeFrameNumber } from './ring-memory.js';

/**
 * What crosses the socket of a channel; all little-endian.
 *
 * ```
 * writer ─► reader   hello        0         4           8           12         16            24
 *                                 +---------+-----------+-----------+----------+-------------+
 *                                 | magic   | capacity  | units ever released  | frames ever |
 *                                 | 'MRS1'  | u32       | i32       | reserved | released f64|
 *                                 +---------+-----------+-----------+----------+-------------+
 *                    frames       the first 16 bytes of a ring slot (frame.ts), then the payload; kind 0 says goodbye
 * reader ─► writer   releases     frames ever released, f64; -1 says goodbye
 * ```
 * A frame is sent only where the reader has room for it, because the writer counts what was not released yet.
 */
export const magic = 0x3153524d;
export const helloBytes = 24;
export const headerBytes = 16;
export const releaseBytes = 8;
export const goodbyeKind = 0;
export const goodbyeRelease = -1;

export interface Hello {
  readonly capacityBytes: number;
  /** Where the reader's ring begins, so that frames lie in it as they lie in the writer's. */
  readonly releasedUnits: number;
  readonly releasedFrames: number;
}

export function encodeHello({ capacityBytes, releasedUnits, releasedFrames }: Hello): Uint8Array {
  const words = new Int32Array(helloBytes / 4);
  words.set([magic, capacityBytes, releasedUnits]);
  new Float64Array(words.buffer)[2] = releasedFrames;
  return new Uint8Array(words.buffer);
}

/** @returns undefined where it is none */
export function decodeHello(bytes: Uint8Array): Hello | undefined {
  const words = new Int32Array(bytes.buffer, 0, helloBytes / 4);
  if (words[0] !== magic) return undefined;
  return { capacityBytes: words[1] as number, releasedUnits: words[2] as number, releasedFrames: new Float64Array(bytes.buffer)[2] as number };
}

export interface Header {
  readonly payloadBytes: number;
  readonly kind: number;
  readonly flags: number;
  readonly number: number;
}

export function encodeHeader({ kind, flags, number, payload }: Pick<Frame, 'flags' | 'number' | 'payload'> & { readonly kind: number }): Uint8Array {
  const words = new Int32Array(headerBytes / 4);
  const bytes = new Uint8Array(words.buffer);
  words[0] = payload.length;
  bytes[4] = kind;
  bytes[5] = flags;
  writeFrameNumber(words, 1, number);
  return bytes;
}

export function decodeHeader(bytes: Uint8Array): Header {
  const words = new Int32Array(bytes.buffer, 0, headerBytes / 4);
  return { payloadBytes: (words[0] as number) >>> 0, kind: bytes[4] as number, flags: bytes[5] as number, number: readFrameNumber(words, 1) };
}

export function encodeRelease(frames: number): Uint8Array {
  return new Uint8Array(Float64Array.of(frames).buffer);
}

export function decodeRelease(bytes: Uint8Array): number {
  return new Float64Array(bytes.buffer)[0] as number;
}

/** Bytes that came in pieces, taken out in other pieces; copied once. */
export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  #at = 0;
  length = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  /** Moves the oldest bytes into `target`, which is at most `length` long. */
  take(target: Uint8Array, copy: (target: Uint8Array, at: number, source: Uint8Array) => void): void {
    for (let filled = 0; filled < target.length;) {
      const chunk = this.#chunks[0] as Uint8Array;
      const part = chunk.subarray(this.#at, this.#at + target.length - filled);
      copy(target, filled, part);
      filled += part.length;
      this.#at += part.length;
      if (this.#at < chunk.length) continue;
      this.#chunks.shift();
      this.#at = 0;
    }
    this.length -= target.length;
  }
}
