import { bitAt, countZeroBits } from './bitmap.js';
import { encodedData, type ColumnData, type ValueArray } from './column-data.js';
import { fromFloat16 } from './float16.js';
import { readInt64, wordsOf } from './int64.js';
import { decodeText } from './text.js';
import type { Column } from './batch.js';
import type { Field } from './schema.js';

/**
 * A column over {@link ColumnData}: one subclass for each way of reading a cell, so that row makers see one class per
 * field. `get` gives fresh values: nothing that it returns aliases the column's memory.
 */
export abstract class DataColumn<T = unknown> implements Column<T> {
  readonly length: number;
  readonly validity: Uint8Array | undefined;
  #nullCount: number | undefined;
  #encoded: ColumnData | undefined;

  /** @param isOwned false where the memory belongs to a channel */
  constructor(
    readonly field: Field<T>,
    readonly data: ColumnData,
    readonly isOwned: boolean,
  ) {
    this.length = data.length;
    this.validity = data.validity;
  }

  abstract get(index: number): T;

  isNull(index: number): boolean {
    return this.validity !== undefined && !bitAt(this.validity, index);
  }

  get nullCount(): number {
    this.#nullCount ??= this.validity === undefined ? 0 : countZeroBits(this.validity, this.length);
    return this.#nullCount;
  }

  get values(): ValueArray | undefined {
    return this.data.values;
  }

  get offsets(): Int32Array | undefined {
    return this.data.offsets;
  }

  /** The data with strings as UTF-8; encoded once, however many channels the column crosses. */
  get encoded(): ColumnData {
    this.#encoded ??= encodedData(this.data);
    return this.#encoded;
  }

  toArray(): T[] {
    const out = new Array<T>(this.length);
    for (let i = 0; i < out.length; i++) out[i] = this.get(i);
    return out;
  }
}

type NumberArray = Exclude<ValueArray, BigInt64Array>;

class NumberColumn extends DataColumn<number | null> {
  readonly #cells = this.data.values as NumberArray;

  get(index: number): number | null {
    return this.isNull(index) ? null : (this.#cells[index] as number);
  }

  override toArray(): (number | null)[] {
    return this.validity === undefined ? Array.from(this.#cells) : super.toArray();
  }
}

class Float16Column extends DataColumn<number | null> {
  readonly #cells = this.data.values as Uint16Array;

  get(index: number): number | null {
    return this.isNull(index) ? null : fromFloat16(this.#cells[index] as number);
  }
}

class BoolColumn extends DataColumn<boolean | null> {
  readonly #bits = this.data.values as Uint8Array;

  get(index: number): boolean | null {
    return this.isNull(index) ? null : bitAt(this.#bits, index);
  }
}

class Int64Column extends DataColumn<number | null> {
  readonly #words = wordsOf(this.data.values as BigInt64Array);

  get(index: number): number | null {
    return this.isNull(index) ? null : readInt64(this.#words, index);
  }
}

class BigintColumn extends DataColumn<bigint | null> {
  readonly #cells = this.data.values as BigInt64Array;

  get(index: number): bigint | null {
    return this.isNull(index) ? null : (this.#cells[index] as bigint);
  }
}

class TimestampColumn extends DataColumn<Date | null> {
  readonly #words = wordsOf(this.data.values as BigInt64Array);

  get(index: number): Date | null {
    return this.isNull(index) ? null : new Date(readInt64(this.#words, index));
  }
}

class StringColumn extends DataColumn<string | null> {
  readonly #strings = this.data.strings;
  readonly #offsets = this.data.offsets as Int32Array;
  readonly #buffer = this.data.values && Buffer.from(this.data.values.buffer, this.data.values.byteOffset, this.data.values.byteLength);

  get(index: number): string | null {
    if (this.isNull(index)) return null;
    if (this.#strings !== undefined) return this.#strings[index] as string;
    return decodeText(this.#buffer as Buffer, this.#offsets[index] as number, this.#offsets[index + 1] as number);
  }

  override toArray(): (string | null)[] {
    return this.#strings !== undefined && this.validity === undefined ? (this.#strings.slice() as string[]) : super.toArray();
  }
}

/**
 * Most that rows read one after the other are copied at once: a value that is kept keeps so much with it. Half of it costs half as
 * much again at rows of 1 KiB, twice as much saves nothing.
 */
const windowBytes = 16 * 1024;

/** Values are copies. Those of rows that are read in order share a buffer, each with a part of its own: a buffer for each costs most. */
class BytesColumn extends DataColumn<Uint8Array | null> {
  readonly #offsets = this.data.offsets as Int32Array;
  readonly #bytes = this.data.values as Uint8Array;
  /** The row that follows the one read last. */
  #next = -1;
  #window: ArrayBufferLike = new ArrayBuffer(0);
  /** Of the column's bytes. */
  #from = 0;
  #to = 0;

  get(index: number): Uint8Array | null {
    if (this.isNull(index)) {
      if (index === this.#next) this.#next++;
      return null;
    }
    const from = this.#offsets[index] as number;
    const to = this.#offsets[index + 1] as number;
    const isNext = index === this.#next;
    this.#next = index + 1;
    if (!isNext) this.#to = to;
    if (!isNext || to - from > windowBytes) return new Uint8Array(this.#bytes.subarray(from, to));
    if (to > this.#to || this.#window.byteLength === 0) this.#copy(from, to);
    return new Uint8Array(this.#window, from - this.#from, to - from);
  }

  #copy(from: number, to: number): void {
    // Shared memory is copied byte by byte where source and target differ modulo 8.
    this.#from = from - ((this.#bytes.byteOffset + from) % 8);
    if (this.#from < 0) this.#from = from;
    this.#to = Math.max(to, Math.min(from + windowBytes, this.#offsets[this.length] as number));
    this.#window = new Uint8Array(this.#bytes.subarray(this.#from, this.#to)).buffer;
  }
}

class VectorColumn extends DataColumn<Float32Array | null> {
  readonly #cells = this.data.values as Float32Array;
  readonly #size = this.field.size ?? 0;

  get(index: number): Float32Array | null {
    return this.isNull(index) ? null : new Float32Array(this.#cells.subarray(index * this.#size, (index + 1) * this.#size));
  }
}

class ListColumn extends DataColumn<number[] | null> {
  readonly #offsets = this.data.offsets as Int32Array;
  readonly #cells = this.data.values as Float64Array;

  get(index: number): number[] | null {
    return this.isNull(index) ? null : Array.from(this.#cells.subarray(this.#offsets[index], this.#offsets[index + 1]));
  }
}

export function makeColumn(field: Field, data: ColumnData, isOwned: boolean): DataColumn {
  switch (field.dtype) {
    case 'bool':
      return new BoolColumn(field as Field<boolean | null>, data, isOwned);
    case 'int64':
      return field.bigint === true
        ? new BigintColumn(field as Field<bigint | null>, data, isOwned)
        : new Int64Column(field as Field<number | null>, data, isOwned);
    case 'timestamp':
      return new TimestampColumn(field as Field<Date | null>, data, isOwned);
    case 'float16':
      return new Float16Column(field as Field<number | null>, data, isOwned);
    case 'string':
      return new StringColumn(field as Field<string | null>, data, isOwned);
    case 'bytes':
      return new BytesColumn(field as Field<Uint8Array | null>, data, isOwned);
    case 'vector':
      return new VectorColumn(field as Field<Float32Array | null>, data, isOwned);
    case 'list':
      return new ListColumn(field as Field<number[] | null>, data, isOwned);
    default:
      return new NumberColumn(field as Field<number | null>, data, isOwned);
  }
}
