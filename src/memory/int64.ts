/**
 * int64 cells as two int32 words (low, high), so that numbers go in and out without a BigInt being allocated. Little
 * endian, as every machine that runs Node.js.
 */

const word = 4294967296;

/** The words of a BigInt64Array. */
export function wordsOf(values: BigInt64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}

/** Cell `index` as the nearest number; exact up to 2^53. */
export function readInt64(words: Int32Array, index: number): number {
  return (words[index * 2 + 1] as number) * word + ((words[index * 2] as number) >>> 0);
}

/** `value` must be an integer in the range of int64. */
export function writeInt64(words: Int32Array, index: number, value: number): void {
  const high = Math.floor(value / word);
  words[index * 2] = value - high * word;
  words[index * 2 + 1] = high;
}

/** True for an integer that an int64 holds exactly. */
export function fitsInt64(value: number): boolean {
  return Number.isInteger(value) && value >= -9223372036854775808 && value < 9223372036854775808;
}
