import { crc32 } from 'node:zlib';
import type { StateChunk } from '../stream/subtask.js';
import { hashOf, invalid, type ManifestOperator } from './manifest.js';

/**
 * The state file: a magic word, then one section for each operator, in the order of the manifest.
 *
 * ```
 * 0        8                                                         next section
 * +--------+----------+--------+---------+-----+----------+--------+-- …
 * | magic  | keyGroup | bytes  | payload | pad | keyGroup | bytes  |
 * |        | i32      | u32    |         | 0-7 | i32      | u32    |    little-endian, chunks at multiples of 8
 * +--------+----------+--------+---------+-----+----------+--------+-- …
 * ```
 */
export const stateMagic = new TextEncoder().encode('MRSTATE1');

const headBytes = 8;
const padding = new Uint8Array(8);

/** What was written of a section, for the manifest. */
export interface Section {
  readonly bytes: number;
  readonly chunks: number;
  /** Of all bytes, 8 hexadecimal digits. Enough to find damage, at a third of what SHA-256 takes of a checkpoint. */
  readonly crc32: string;
}

/** Pieces of one section; `done` gets its checksum after the last one. Copies no payload. */
export function* encodeSection(chunks: readonly StateChunk[], done: (section: Section) => void): Generator<Uint8Array> {
  const heads = new DataView(new ArrayBuffer(headBytes * chunks.length));
  let sum = 0;
  let bytes = 0;
  for (const [i, chunk] of chunks.entries()) {
    heads.setInt32(headBytes * i, chunk.keyGroup, true);
    heads.setUint32(headBytes * i + 4, chunk.bytes.byteLength, true);
    const head = new Uint8Array(heads.buffer, headBytes * i, headBytes);
    for (const piece of [head, chunk.bytes, padding.subarray(0, padOf(chunk.bytes.byteLength))]) {
      if (piece.byteLength === 0) continue;
      sum = crc32(piece, sum);
      bytes += piece.byteLength;
      yield piece;
    }
  }
  done({ bytes, chunks: chunks.length, crc32: hex(sum) });
}

/** @throws CHECKPOINT_INVALID */
export function decodeSection(bytes: Uint8Array, expected: Pick<ManifestOperator, 'chunks' | 'crc32' | 'sha256'>, where: string): StateChunk[] {
  const isWhole = expected.crc32 === undefined ? hashOf(bytes) === expected.sha256 : hex(crc32(bytes)) === expected.crc32;
  if (!isWhole) throw invalid(where, 'the checksum of the state is another one than the manifest says');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: StateChunk[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const keyGroup = view.getInt32(at, true);
    const length = view.getUint32(at + 4, true);
    const start = at + headBytes;
    if (start + length > bytes.byteLength) throw invalid(where, `chunk ${chunks.length} reaches beyond its section`);
    chunks.push({ keyGroup, bytes: bytes.subarray(start, start + length) });
    at = start + length + padOf(length);
  }
  if (chunks.length !== expected.chunks) throw invalid(where, `${chunks.length} chunks, the manifest says ${expected.chunks}`);
  return chunks;
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

function padOf(bytes: number): number {
  return (8 - (bytes % 8)) % 8;
}
