import { deserialize, serialize } from 'node:v8';
import { MillraceError } from '../core/errors.js';
import type { StateChunk } from '../stream/subtask.js';

/** keyGroup of a chunk that belongs to the whole operator. */
export const operatorState = -1;

/**
 * State as versioned bytes: one byte of version, then the structured clone of `value` (numbers, text, bigint, bytes).
 * One chunk is one unit that can move to another subtask alone.
 */
export function encodeChunk(version: number, value: unknown, keyGroup = operatorState): StateChunk {
  const body = serialize(value);
  const bytes = new Uint8Array(body.byteLength + 1);
  bytes[0] = version;
  bytes.set(body, 1);
  return { keyGroup, bytes };
}

/** @throws STATE_INVALID where the bytes are not of this version, or are no state at all */
export function decodeChunk(version: number, chunk: StateChunk, where: string): unknown {
  const found = chunk.bytes[0];
  if (found !== version) {
    throw new MillraceError('STATE_INVALID', `${where}: state has version ${found ?? 'none'}, this build reads ${version}`, { details: { found, version } });
  }
  try {
    return deserialize(chunk.bytes.subarray(1));
  } catch (thrown) {
    throw new MillraceError('STATE_INVALID', `${where}: the state bytes cannot be decoded`, { cause: thrown });
  }
}
