import type { Frame, FrameName } from './frame.js';
import { readFrameNumber, writeFrameNumber } from './ring-memory.js';

/**
 * What crosses the socket of a channel; all little-endian.
 *
 * ```
 * writer ─► reader   hello        0         4           8           12         16            24
 *                                 +---------+-----------+-----------+----------+-------------+
 *                                 | magic   | capacity  | units ever released  | frames ever |
 *                                 | 'MRS2'  | u32       | i32       | reserved | released f64|
 *                                 +---------+-----------+-----------+----------+-------------+
 *                    frames       the first 16 bytes of a ring slot (frame.ts), the frame's name (position f64, frames f64; 0: none),
 *                                 then the payload; kind 0 says goodbye
 * reader ─► writer   place        -2 (f64), then four f64: 64-byte units and frames that it has got so far, and the name of the newest
 *                                 named one; first of all, as soon as nothing of an earlier writer lies in its ring
 *                    releases     frames ever released, f64; -1 says goodbye
 * ```
 * A frame is sent only where the reader has room for it, because the writer counts what was not released yet.
 */
export const magic = 0x3253524d;
export const helloBytes = 24;
export const headerBytes = 32;
export const releaseBytes = 8;
export const goodbyeKind = 0;
export const goodbyeRelease = -1;
export const placeMark = -2;
export const placeBytes = 32;

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
  readonly name?: FrameName;
}

export function encodeHeader({
  kind,
  flags,
  number,
  payload,
  name,
}: Pick<Frame, 'flags' | 'number' | 'payload'> & { readonly kind: number; readonly name?: FrameName | undefined }): Uint8Array {
  const words = new Int32Array(headerBytes / 4);
  const bytes = new Uint8Array(words.buffer);
  words[0] = payload.length;
  bytes[4] = kind;
  bytes[5] = flags;
  writeFrameNumber(words, 1, number);
  if (name !== undefined) new Float64Array(words.buffer).set([name.position, name.frames], 2);
  return bytes;
}

export function decodeHeader(bytes: Uint8Array): Header {
  const words = new Int32Array(bytes.buffer, 0, headerBytes / 4);
  const [position, frames] = new Float64Array(bytes.buffer, 16, 2) as unknown as [number, number];
  return {
    payloadBytes: (words[0] as number) >>> 0,
    kind: bytes[4] as number,
    flags: bytes[5] as number,
    number: readFrameNumber(words, 1),
    ...(position === 0 ? {} : { name: { position, frames } }),
  };
}

/** Where a reader stands: a writer that succeeds another one goes on there. */
export interface ReaderPlace {
  readonly units: number;
  readonly frames: number;
  readonly named: FrameName | undefined;
}

export function encodePlace({ units, frames, named }: ReaderPlace): Uint8Array {
  return new Uint8Array(Float64Array.of(placeMark, units, frames, named?.position ?? 0, named?.frames ?? 0).buffer);
}

/** What follows the mark. */
export function decodePlace(bytes: Uint8Array): ReaderPlace {
  const [units, frames, position, count] = new Float64Array(bytes.buffer) as unknown as [number, number, number, number];
  return { units, frames, named: position === 0 ? undefined : { position, frames: count } };
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

  clear(): void {
    this.#chunks.length = 0;
    this.#at = 0;
    this.length = 0;
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
