import { deserialize, serialize } from 'node:v8';
import { MillraceError } from '../../core/errors.js';
import type { StateChunk } from '../subtask.js';

/**
 * The bytes of a chunk of keyed state: one byte that says the layout's version, then a value in the structured clone
 * encoding of V8 (which carries its own version and reads older ones).
 */
export function encodeState(version: number, value: unknown, operator: string): Uint8Array {
  try {
    const body = serialize(value);
    const bytes = new Uint8Array(body.length + 1);
    bytes[0] = version;
    bytes.set(body, 1);
    return bytes;
  } catch (thrown) {
    throw cannotEncode(thrown, operator);
  }
}

/** What a value says of itself that V8 refuses to clone. */
export function cannotEncode(thrown: unknown, operator: string): MillraceError {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new MillraceError('USER_FUNCTION', `${operator}: its state cannot be encoded (${text}); keep plain data in state, no functions or promises`, {
    cause: thrown,
  });
}

/** @throws STATE_INVALID for another version or damaged bytes */
export function decodeState(version: number, { bytes, keyGroup }: StateChunk, operator: string): unknown {
  if (bytes[0] !== version) {
    throw new MillraceError(
      'STATE_INVALID',
      `${operator}: state of key group ${keyGroup} has version ${String(bytes[0])}, this operator reads version ${version}`,
    );
  }
  try {
    return deserialize(bytes.subarray(1));
  } catch (thrown) {
    throw new MillraceError('STATE_INVALID', `${operator}: state of key group ${keyGroup} is damaged (${bytes.length} bytes)`, { cause: thrown });
  }
}
