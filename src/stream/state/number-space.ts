import type { ByteWriter } from './byte-writer.js';
import { tags } from './column-format.js';
import { copyIntegers, copyNumbers, grown, isSmallInteger } from './copy-numbers.js';

/**
 * Numbers on their way into a column: of 32 bits as long as all are, half as much to write and to read again; from the first
 * other one on float64. The memory is used again after begin().
 */
export class NumberSpace {
  #integers = new Int32Array(0);
  #numbers = new Float64Array(0);
  #areIntegers = true;
  #length = 0;

  /** Forgets what it held, for as many numbers that are set, or for those that will be appended. */
  begin(length: number): void {
    this.#areIntegers = true;
    this.#length = length;
    if (this.#integers.length < length) this.#integers = new Int32Array(Math.ceil(length * 1.25));
  }

  set(place: number, value: number): void {
    if (this.#areIntegers && isSmallInteger(value)) {
      this.#integers[place] = value;
      return;
    }
    this.#widen();
    this.#numbers[place] = value;
  }

  /** @returns false where not all are numbers; of no use then */
  append(list: readonly unknown[]): boolean {
    const from = this.#length;
    const to = (this.#length += list.length);
    if (this.#areIntegers) {
      if (to > this.#integers.length) this.#integers = grown(this.#integers, new Int32Array(2 * to));
      if (copyIntegers(list, this.#integers, from)) return true;
      this.#widen();
    }
    if (to > this.#numbers.length) this.#numbers = grown(this.#numbers, new Float64Array(2 * to));
    return copyNumbers(list, this.#numbers, from);
  }

  /** Writes a column of some of them, by place. */
  write(writer: ByteWriter, from = 0, to = this.#length): void {
    const start = writer.at;
    writer.head(tags.integers, to - from);
    if (this.#areIntegers) {
      writer.int32(to - from).set(this.#integers.subarray(from, to));
      return;
    }
    // Some of many may all be integers: a column does not depend on what is in others.
    if (setIntegers(writer.int32(to - from), this.#numbers.subarray(from, to))) return;
    writer.rewind(start);
    writer.head(tags.numbers, to - from);
    writer.float64(to - from).set(this.#numbers.subarray(from, to));
  }

  #widen(): void {
    if (!this.#areIntegers) return;
    this.#areIntegers = false;
    if (this.#numbers.length < this.#integers.length) this.#numbers = new Float64Array(this.#integers.length);
    this.#numbers.set(this.#integers);
  }
}

function setIntegers(to: Int32Array, values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!isSmallInteger(value)) return false;
    to[i] = value;
  }
  return true;
}
