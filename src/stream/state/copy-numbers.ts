/** Of 32 bits; not -0, which is another number than 0. */
export function isSmallInteger(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0);
}

/**
 * Copies a list to `at` and behind. A list at a time, so that V8 copies its numbers without making an object of each.
 *
 * @returns false where not all are small integers
 */
export function copyIntegers(list: readonly unknown[], to: Int32Array, at: number): boolean {
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    if (typeof value !== 'number' || !isSmallInteger(value)) return false;
    to[at + i] = value;
  }
  return true;
}

/** The same for any numbers. @returns false where not all are numbers */
export function copyNumbers(list: readonly unknown[], to: Float64Array, at: number): boolean {
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    if (typeof value !== 'number') return false;
    to[at + i] = value;
  }
  return true;
}

/** The larger memory, with what lay in the one that has become too small. */
export function grown<A extends Int32Array | Float64Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
