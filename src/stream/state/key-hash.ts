import { isTuple, type Key, type KeyPart } from './key.js';

/**
 * The hash that spreads keys over key groups: 32 bits, the same on every machine and in every version, because state in
 * savepoints is filed under it. It may never change.
 *
 * | key                                  | hash, all in unsigned 32-bit arithmetic                                    |
 * |--------------------------------------|----------------------------------------------------------------------------|
 * | string                               | FNV-1a over the UTF-8 bytes (lone surrogates as U+FFFD), then mix          |
 * | integer: a safe-integer number, or a | words(low 32 bits, high 32 bits) of its 64-bit two's complement            |
 * | bigint of 64 bits                    |                                                                            |
 * | any other number                     | words(low, high) of its IEEE 754 bits + 1; every NaN as 0x7ff8000000000000 |
 * | wider bigint                         | that of its decimal digits as a string                                     |
 * | false, true, null                    | mix(1), mix(2), mix(3)                                                     |
 * | tuple                                | h = 17; for each part h = h * 31 + hash(part); mix(h)                      |
 *
 * mix is the finalizer of MurmurHash3 (x86, 32 bits); words(low, high) = mix(mix(low) * 31 + high). Equal keys have equal
 * hashes (0 and -0, all NaN); so have 1 and 1n, which are different keys all the same.
 */
export function hashKey(key: Key): number {
  if (!isTuple(key)) return hashPart(key);
  let hash = 17;
  for (const part of key) hash = combineHash(hash, hashPart(part));
  return mix(hash);
}

/** One step of a tuple's hash; start with 17 and finish with {@link mix}. */
export function combineHash(hash: number, part: number): number {
  return (Math.imul(hash, 31) + part) | 0;
}

export function hashPart(key: KeyPart): number {
  switch (typeof key) {
    case 'string':
      return hashString(key);
    case 'number':
      return hashNumber(key);
    case 'bigint':
      return hashBigint(key);
    case 'boolean':
      return key ? hashTrue : hashFalse;
    default:
      return hashNull;
  }
}

export function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export const hashFalse = mix(1);
export const hashTrue = mix(2);
export const hashNull = mix(3);

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** Hash of a string given as its UTF-8 bytes `from`..`to` (exclusive). */
export function hashBytes(bytes: Uint8Array, from: number, to: number): number {
  let hash = fnvOffset;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), fnvPrime);
  return mix(hash);
}

export function hashString(text: string): number {
  let hash = fnvOffset;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) {
      const bytes = Buffer.from(text, 'utf8');
      return hashBytes(bytes, 0, bytes.length);
    }
    hash = Math.imul(hash ^ code, fnvPrime);
  }
  return mix(hash);
}

export function hashWords(low: number, high: number): number {
  return mix((Math.imul(mix(low), 31) + high) | 0);
}

/** An integer that fits int32. */
export function hashInt32(value: number): number {
  return hashWords(value, value >> 31);
}

const scratch = new DataView(new ArrayBuffer(8));

export function hashNumber(value: number): number {
  if ((value | 0) === value) return hashInt32(value);
  if (Number.isSafeInteger(value)) return hashWords(value | 0, Math.floor(value / 0x1_0000_0000) | 0);
  // NaN has many bit patterns; a DataView, because byte order must not depend on the machine.
  if (Number.isNaN(value)) return hashWords(0, 0x7ff80001);
  scratch.setFloat64(0, value, true);
  return hashWords(scratch.getInt32(0, true), (scratch.getInt32(4, true) + 1) | 0);
}

function hashBigint(value: bigint): number {
  if (BigInt.asIntN(64, value) !== value) return hashString(value.toString());
  scratch.setBigInt64(0, value, true);
  return hashWords(scratch.getInt32(0, true), scratch.getInt32(4, true));
}
