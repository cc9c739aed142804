import { MillraceError } from '../core/errors.js';
import { bitmapBytes, clearBit, setBit } from './bitmap.js';
import { makeColumn, type DataColumn } from './column.js';
import { arrayTypeOf, validityOf, valuesPerRow, type ColumnData, type ValueArray } from './column-data.js';
import { toFloat16 } from './float16.js';
import { fitsInt64, wordsOf, writeInt64 } from './int64.js';
import { formatField, type Dtype, type Field } from './schema.js';

/**
 * Collects the values of one column, checking each against its field.
 *
 * @throws SCHEMA_MISMATCH naming column, row, value and type
 */
export abstract class ColumnBuilder {
  length = 0;
  #nulls: number[] = [];

  constructor(
    readonly field: Field,
    readonly name: string,
    protected capacity: number,
  ) {
    this.reset();
  }

  append(value: unknown): void {
    if (value === null || value === undefined) this.appendNull(value);
    else this.put(value);
  }

  /** Appends a value that is neither null nor undefined. */
  abstract put(value: unknown): void;

  appendNull(value: null | undefined): void {
    if (!this.field.nullable) throw this.misfit(value);
    this.#nulls.push(this.length);
    this.putEmpty();
  }

  /** Drops the rows from `length` on. */
  truncate(length: number): void {
    if (this.length <= length) return;
    while ((this.#nulls.at(-1) ?? -1) >= length) this.#nulls.pop();
    this.length = length;
    this.cut(length);
  }

  /** The column so far; the builder starts again empty. */
  finish(): DataColumn {
    const column = this.#column(true);
    this.reset();
    return column;
  }

  /** The column so far, over memory that the builder uses again, unless {@link ColumnBuilder.giveAway} follows. */
  lend(): DataColumn {
    return this.#column(false);
  }

  /** What was lent is not given back. */
  giveAway(): void {
    this.reset();
  }

  #column(isOwned: boolean): DataColumn {
    const validity = validityOf(this.length, this.#nulls);
    const data = { length: this.length, validity, strings: undefined, offsets: undefined, values: undefined, ...this.finished() };
    this.#nulls = [];
    this.length = 0;
    return makeColumn(this.field, data, isOwned);
  }

  /** Starts with fresh memory. */
  protected abstract reset(): void;
  protected abstract putEmpty(): void;
  protected abstract finished(): Partial<ColumnData>;
  protected cut(_length: number): void {
    // Most layouts overwrite in place.
  }

  protected misfit(value: unknown): MillraceError {
    return misfit(this.field, this.name, this.length, value);
  }
}

/** The error for a value that does not fit its column. */
export function misfit(field: Field, name: string, row: number, value: unknown): MillraceError {
  const type = formatField(field);
  const shown = describeValue(value);
  const fix = value === null || value === undefined ? 'fill it, or make the column nullable' : "convert it, or change the column's type";
  return new MillraceError('SCHEMA_MISMATCH', `column "${name}", row ${row}: ${shown} is no ${type}; ${fix}`, {
    details: { column: name, row, value: shown, type },
  });
}

function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : `Date ${value.toISOString()}`;
  if (ArrayBuffer.isView(value) || Array.isArray(value)) return `${value.constructor.name} of ${String((value as ArrayLike<unknown>).length)} values`;
  return typeof value === 'object' && value !== null ? `an object (${Object.prototype.toString.call(value)})` : String(value);
}

type NumberArray = Exclude<ValueArray, BigInt64Array>;

/** Room for twice as many. */
function grown<A extends ValueArray>(array: A, least = 0): A {
  const larger = new (array.constructor as new (length: number) => A)(Math.max(array.length * 2, least, 16));
  (larger as Float64Array).set(array as Float64Array);
  return larger;
}

const ranges: Partial<Record<Dtype, readonly [number, number]>> = {
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-2147483648, 2147483647],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 4294967295],
};

class IntegerBuilder extends ColumnBuilder {
  declare private cells: NumberArray;
  readonly #low = (ranges[this.field.dtype] as readonly [number, number])[0];
  readonly #high = (ranges[this.field.dtype] as readonly [number, number])[1];

  put(value: unknown): void {
    if (typeof value !== 'number' || !(value >= this.#low && value <= this.#high) || !Number.isInteger(value)) throw this.misfit(value);
    if (this.length === this.cells.length) this.cells = grown(this.cells);
    this.cells[this.length++] = value;
  }

  protected putEmpty(): void {
    if (this.length === this.cells.length) this.cells = grown(this.cells);
    this.cells[this.length++] = 0;
  }

  protected reset(): void {
    this.cells = new (arrayTypeOf(this.field.dtype))(this.capacity) as NumberArray;
  }

  protected finished(): Partial<ColumnData> {
    return { values: this.cells.subarray(0, this.length) };
  }
}

class FloatBuilder extends ColumnBuilder {
  declare private cells: NumberArray;
  readonly #isHalf = this.field.dtype === 'float16';

  put(value: unknown): void {
    if (typeof value !== 'number') throw this.misfit(value);
    if (this.length === this.cells.length) this.cells = grown(this.cells);
    this.cells[this.length++] = this.#isHalf ? toFloat16(value) : value;
  }

  protected putEmpty(): void {
    this.put(0);
  }

  protected reset(): void {
    this.cells = new (arrayTypeOf(this.field.dtype))(this.capacity) as NumberArray;
  }

  protected finished(): Partial<ColumnData> {
    return { values: this.cells.subarray(0, this.length) };
  }
}

class Int64Builder extends ColumnBuilder {
  declare private cells: BigInt64Array;
  declare private words: Int32Array;

  put(value: unknown): void {
    const number = this.numberOf(value);
    if (this.length === this.cells.length) this.grow();
    if (typeof number === 'bigint') this.cells[this.length++] = number;
    else writeInt64(this.words, this.length++, number);
  }

  protected putEmpty(): void {
    if (this.length === this.cells.length) this.grow();
    writeInt64(this.words, this.length++, 0);
  }

  private numberOf(value: unknown): number | bigint {
    if (this.field.dtype === 'timestamp') {
      if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime();
    } else if (this.field.bigint === true) {
      if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return value;
    } else if (typeof value === 'number' && fitsInt64(value)) return value;
    throw this.misfit(value);
  }

  private grow(): void {
    this.cells = grown(this.cells);
    this.words = wordsOf(this.cells);
  }

  protected reset(): void {
    this.cells = new BigInt64Array(this.capacity);
    this.words = wordsOf(this.cells);
  }

  protected finished(): Partial<ColumnData> {
    return { values: this.cells.subarray(0, this.length) };
  }
}

class BoolBuilder extends ColumnBuilder {
  declare private bits: Uint8Array;

  put(value: unknown): void {
    if (typeof value !== 'boolean') throw this.misfit(value);
    if (this.length === this.bits.length * 8) this.bits = grown(this.bits);
    if (value) setBit(this.bits, this.length);
    else clearBit(this.bits, this.length);
    this.length++;
  }

  protected putEmpty(): void {
    this.put(false);
  }

  protected reset(): void {
    this.bits = new Uint8Array(bitmapBytes(this.capacity));
  }

  protected finished(): Partial<ColumnData> {
    return { values: this.bits.subarray(0, bitmapBytes(this.length)) };
  }
}

class StringBuilder extends ColumnBuilder {
  declare private strings: string[];

  put(value: unknown): void {
    if (typeof value !== 'string') throw this.misfit(value);
    this.strings.push(value);
    this.length++;
  }

  protected putEmpty(): void {
    this.put('');
  }

  protected override cut(length: number): void {
    this.strings.length = length;
  }

  protected reset(): void {
    this.strings = [];
  }

  protected finished(): Partial<ColumnData> {
    const { strings } = this;
    this.strings = [];
    return { strings };
  }
}

class VectorBuilder extends ColumnBuilder {
  declare private cells: Float32Array;
  readonly #size = valuesPerRow(this.field);

  put(value: unknown): void {
    if (!isNumbers(value) || value.length !== this.#size) throw this.misfit(value);
    this.reserve();
    this.cells.set(value, this.length++ * this.#size);
  }

  protected putEmpty(): void {
    this.reserve();
    this.cells.fill(0, this.length * this.#size, (this.length + 1) * this.#size);
    this.length++;
  }

  private reserve(): void {
    const needed = (this.length + 1) * this.#size;
    if (needed > this.cells.length) this.cells = grown(this.cells, needed);
  }

  protected reset(): void {
    this.cells = new Float32Array(this.capacity * valuesPerRow(this.field));
  }

  protected finished(): Partial<ColumnData> {
    return { values: this.cells.subarray(0, this.length * this.#size) };
  }
}

/** bytes and list: values one after another, with offsets. */
class VariableBuilder extends ColumnBuilder {
  declare private cells: Uint8Array | Float64Array;
  declare private offsets: Int32Array;
  declare private lastUsed: number | undefined;

  put(value: unknown): void {
    const fits = this.field.dtype === 'bytes' ? value instanceof Uint8Array : isNumbers(value);
    if (!fits) throw this.misfit(value);
    this.add(value as ArrayLike<number>);
  }

  private add(value: ArrayLike<number>): void {
    if (this.length + 1 === this.offsets.length) this.offsets = grown(this.offsets);
    const at = this.offsets[this.length] as number;
    if (at + value.length > this.cells.length) this.cells = grown(this.cells, at + value.length);
    this.cells.set(value, at);
    this.offsets[++this.length] = at + value.length;
  }

  protected putEmpty(): void {
    this.add([]);
  }

  protected reset(): void {
    this.cells = new (arrayTypeOf(this.field.dtype))(Math.max(this.capacity, this.lastUsed ?? 0)) as Uint8Array | Float64Array;
    this.offsets = new Int32Array(this.capacity + 1);
  }

  protected finished(): Partial<ColumnData> {
    const used = this.offsets[this.length] as number;
    // Batches resemble the ones before.
    this.lastUsed = used;
    return { offsets: this.offsets.subarray(0, this.length + 1), values: this.cells.subarray(0, used) };
  }
}

function isNumbers(value: unknown): value is ArrayLike<number> {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'number');
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && !(value instanceof BigInt64Array) && !(value instanceof BigUint64Array);
}

/** @param capacity rows to make room for; it grows */
export function columnBuilder(field: Field, name: string, capacity = 512): ColumnBuilder {
  switch (field.dtype) {
    case 'bool':
      return new BoolBuilder(field, name, capacity);
    case 'int64':
    case 'timestamp':
      return new Int64Builder(field, name, capacity);
    case 'string':
      return new StringBuilder(field, name, capacity);
    case 'bytes':
    case 'list':
      return new VariableBuilder(field, name, capacity);
    case 'vector':
      return new VectorBuilder(field, name, capacity);
    case 'float16':
    case 'float32':
    case 'float64':
      return new FloatBuilder(field, name, capacity);
    default:
      return new IntegerBuilder(field, name, capacity);
  }
}
