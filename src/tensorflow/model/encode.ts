import { MillraceError } from '../../core/errors.js';
import type { Column } from '../../memory/batch.js';
import type { Field } from '../../memory/schema.js';
import type { TensorValue } from '../tensor-value.js';
import { hashBytes, hashInt64, hashInteger, hashText } from './hash.js';
import { categoryRows, type CategoryInput, type EmbeddingInput, type ModelInput, type NumericInput } from './inputs.js';

/**
 * A column as the tensor that the model reads; a view over the column's memory where the layouts agree.
 *
 * @throws RECORD_MALFORMED for a value that the input does not accept; {@link findBadRows} finds such rows beforehand
 */
export function encodeInput(name: string, input: ModelInput, column: Column): TensorValue {
  switch (input.kind) {
    case 'numeric':
      return encodeNumeric(name, input, column);
    case 'category':
      return encodeCategory(name, input, column);
    case 'embedding':
      return encodeEmbedding(input, column);
  }
}

/** A label column: vectors [batch, size], the rest [batch, 1]; float32 unless `integer`, which gives int32. */
export function encodeLabel(name: string, field: Field, column: Column, integer: boolean): TensorValue {
  if (column.nullCount > 0) throw malformed(name, firstNull(column), null, 'a label must not be null');
  const rows = column.length;
  if (field.dtype === 'vector') return { dtype: 'float32', shape: [rows, field.size as number], data: vectorValues(column, field.size as number) };
  if (integer) return { dtype: 'int32', shape: [rows, 1], data: numbersInto(new Int32Array(rows), column) };
  return encodeNumeric(name, plainNumber, column);
}

const plainNumber: NumericInput = { kind: 'numeric', size: 1, mean: 0, std: 1, default: undefined, missing: false };

function encodeNumeric(name: string, input: NumericInput, column: Column): TensorValue {
  const { size, mean, std } = input;
  const rows = column.length;
  const replaces = input.default !== undefined;
  if (!replaces && column.nullCount > 0) throw malformed(name, firstNull(column), null, 'give numeric() a `default` or filter nulls out');
  const raw = size === 1 ? scalarValues(column) : vectorValues(column, size);
  const unscaled = mean === 0 && std === 1;
  if (unscaled && !replaces && raw instanceof Float32Array) return { dtype: 'float32', shape: [rows, size], data: raw };
  const width = size + (input.missing ? 1 : 0);
  const data = new Float32Array(rows * width);
  const fill = input.default ?? 0;
  const hasNulls = column.nullCount > 0;
  for (let row = 0, at = 0; row < rows; row++, at += width) {
    let missing = hasNulls && column.isNull(row);
    for (let j = 0; j < size; j++) {
      let value = missing ? fill : (raw[row * size + j] as number);
      // Only a column with a default treats NaN as missing; elsewhere it must stay visible.
      if (replaces && value !== value) {
        missing = true;
        value = fill;
      }
      data[at + j] = (value - mean) / std;
    }
    if (input.missing) data[at + size] = missing ? 1 : 0;
  }
  return { dtype: 'float32', shape: [rows, width], data };
}

function encodeCategory(name: string, input: CategoryInput, column: Column): TensorValue {
  const rows = column.length;
  const values = scalarValues(column);
  const width = categoryRows(input);
  const oneHot = input.dim === undefined;
  const data = oneHot ? new Float32Array(rows * width) : new Int32Array(rows);
  const hasNulls = column.nullCount > 0;
  for (let row = 0; row < rows; row++) {
    const isNull = hasNulls && column.isNull(row);
    const value = values[row] as number;
    let index = value;
    if (isNull || !(value >= 0 && value < input.count)) {
      if (input.overflow === 'error') throw malformed(name, row, isNull ? null : value, categoryRule(input));
      index = input.count;
    }
    if (oneHot) data[row * width + index] = 1;
    else data[row] = index;
  }
  return oneHot ? { dtype: 'float32', shape: [rows, width], data } : { dtype: 'int32', shape: [rows, 1], data };
}

function categoryRule(input: CategoryInput): string {
  return `category(${input.count}) takes 0..${input.count - 1}; give it { overflow: 'bucket' } or mend the column`;
}

function encodeEmbedding(input: EmbeddingInput, column: Column): TensorValue {
  const rows = column.length;
  const data = new Int32Array(rows);
  const { values, offsets } = column;
  const { buckets } = input;
  if (values instanceof Uint8Array && offsets !== undefined) {
    for (let row = 0; row < rows; row++) data[row] = 1 + (hashBytes(values, offsets[row] as number, offsets[row + 1] as number) % buckets);
  } else if (values instanceof BigInt64Array) {
    // Halves of each value, so that no bigint is made per row.
    const halves = new Int32Array(values.buffer, values.byteOffset, rows * 2);
    for (let row = 0; row < rows; row++) data[row] = 1 + (hashInt64(halves[2 * row] as number, halves[2 * row + 1] as number) % buckets);
  } else {
    hashJavaScriptValues(data, column, buckets);
  }
  if (column.nullCount > 0) for (let row = 0; row < rows; row++) if (column.isNull(row)) data[row] = 0;
  return { dtype: 'int32', shape: [rows, 1], data };
}

/** Columns held as JavaScript values. */
function hashJavaScriptValues(into: Int32Array, column: Column, buckets: number): void {
  for (let row = 0; row < column.length; row++) {
    const value = column.get(row) as string | number | bigint | null;
    if (value !== null) into[row] = 1 + ((typeof value === 'string' ? hashText(value) : hashInteger(value)) % buckets);
  }
}

type Numbers = Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

/** The column's numbers, as a view where the column has them as plain numbers. Nulls hold anything. */
function scalarValues(column: Column): Numbers {
  const { values, field } = column;
  if (values !== undefined && plainDtypes.has(field.dtype)) return values as Numbers;
  // Not float32: a large int64 must keep its digits until the mean is taken off.
  return numbersInto(new Float64Array(column.length), column);
}

const plainDtypes: ReadonlySet<string> = new Set(['int8', 'int16', 'int32', 'uint8', 'uint16', 'uint32', 'float32', 'float64']);

function numbersInto<A extends Float64Array | Int32Array>(into: A, column: Column): A {
  if (column.values !== undefined && plainDtypes.has(column.field.dtype)) {
    into.set(column.values as unknown as ArrayLike<number>);
    return into;
  }
  for (let row = 0; row < column.length; row++) into[row] = Number(column.get(row));
  return into;
}

function vectorValues(column: Column, size: number): Float32Array {
  if (column.values instanceof Float32Array) return column.values;
  const data = new Float32Array(column.length * size);
  for (let row = 0; row < column.length; row++) {
    const vector = column.get(row) as ArrayLike<number> | null;
    if (vector !== null) data.set(vector, row * size);
  }
  return data;
}

/** A row that a model cannot read. */
export interface BadRow {
  readonly row: number;
  readonly column: string;
  readonly cause: string;
}

/** Rows whose value in this column the input does not accept: null, not finite, or a category out of range. */
export function findBadRows(name: string, input: ModelInput, column: Column): readonly BadRow[] {
  const bad: BadRow[] = [];
  const add = (row: number, cause: string): void => void bad.push({ row, column: name, cause });
  if (input.kind === 'numeric') {
    if (input.default === undefined) badNumbers(input, column, add);
  } else if (input.kind === 'category' && input.overflow === 'error') {
    const values = scalarValues(column);
    for (let row = 0; row < column.length; row++) {
      if (column.nullCount > 0 && column.isNull(row)) add(row, `null; ${categoryRule(input)}`);
      else if (!((values[row] as number) >= 0 && (values[row] as number) < input.count)) add(row, `${String(values[row])}; ${categoryRule(input)}`);
    }
  }
  return bad;
}

function badNumbers(input: NumericInput, column: Column, add: (row: number, cause: string) => void): void {
  if (column.nullCount > 0)
    for (let row = 0; row < column.length; row++) if (column.isNull(row)) add(row, 'null; give numeric() a `default` or filter nulls out');
  const raw = input.size === 1 ? scalarValues(column) : vectorValues(column, input.size);
  if (!(raw instanceof Float32Array || raw instanceof Float64Array)) return;
  // One pass that any NaN or infinity spoils; only then is the row looked for.
  let spoiled = 0;
  for (let i = 0; i < raw.length; i++) spoiled += (raw[i] as number) * 0;
  if (spoiled === 0) return;
  for (let row = 0; row < column.length; row++) {
    if (column.nullCount > 0 && column.isNull(row)) continue;
    for (let j = 0; j < input.size; j++) {
      const value = raw[row * input.size + j] as number;
      if (!Number.isFinite(value)) {
        add(row, `${value} is not a finite number`);
        break;
      }
    }
  }
}

function firstNull(column: Column): number {
  for (let row = 0; row < column.length; row++) if (column.isNull(row)) return row;
  return -1;
}

function malformed(name: string, row: number, value: number | null, fix: string): MillraceError {
  return new MillraceError('RECORD_MALFORMED', `column '${name}', row ${row}: ${String(value)}; ${fix}`, { details: { column: name, row, value } });
}
