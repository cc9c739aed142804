import { MillraceError } from '../core/errors.js';
import { bitAt } from './bitmap.js';
import { readInt64, wordsOf } from './int64.js';
import { fromFloat16 } from './float16.js';
import { formatField, type Field } from './schema.js';
import type { Column, RecordBatch } from './batch.js';

/** A batch of any row type. */
type AnyColumns = Pick<RecordBatch, 'length' | 'schema'>;

/** A column as the data of a dense tensor. `isView`: it aliases the batch's memory, so upload it before the batch is released. */
export interface TensorView<A = ArrayBufferView> {
  readonly data: A;
  /** [rows], or [rows, size] for a vector. */
  readonly shape: readonly number[];
  readonly isView: boolean;
}

export type NumericArray = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array | BigInt64Array;

/**
 * The values of a numeric column or vector as they lie in memory, without a copy: float16 as Uint16Array of IEEE bits,
 * int64 and timestamp as BigInt64Array, vector as Float32Array of shape [rows, size].
 *
 * @throws SCHEMA_MISMATCH for bool, string, bytes and list, and where a value is null
 */
export function columnView(batch: AnyColumns, name: string): TensorView<NumericArray> {
  const column = presentColumn(batch, name);
  const { dtype } = column.field;
  if (dtype === 'bool' || dtype === 'string' || dtype === 'bytes' || dtype === 'list') throw noTensor(name, column.field, 'a view');
  return { data: column.values as NumericArray, shape: shapeOfColumn(column), isView: true };
}

/**
 * A column as float32 or int32: the memory itself where it has that dtype already, else converted. bool gives 0 and 1;
 * timestamp gives ms since the epoch (float32 holds those only to some minutes; derive a feature instead).
 *
 * @throws SCHEMA_MISMATCH for string, bytes and list, where a value is null, or where an int32 cannot hold it
 */
export function columnAs(batch: AnyColumns, name: string, dtype: 'float32'): TensorView<Float32Array>;
export function columnAs(batch: AnyColumns, name: string, dtype: 'int32'): TensorView<Int32Array>;
export function columnAs(batch: AnyColumns, name: string, dtype: 'float32' | 'int32'): TensorView<Float32Array | Int32Array>;
export function columnAs(batch: AnyColumns, name: string, dtype: 'float32' | 'int32'): TensorView<Float32Array | Int32Array> {
  const column = presentColumn(batch, name);
  const shape = shapeOfColumn(column);
  const { values } = column;
  if (dtype === 'float32' && values instanceof Float32Array) return { data: values, shape, isView: true };
  if (dtype === 'int32' && values instanceof Int32Array && column.field.dtype === 'int32') return { data: values, shape, isView: true };
  const length = shape.reduce((product, size) => product * size, 1);
  const data = dtype === 'float32' ? new Float32Array(length) : new Int32Array(length);
  const misfit = writeCells(column, name, length, data, 0, 1);
  if (misfit !== undefined) throw doesNotFit(name, misfit, column);
  return { data, shape, isView: false };
}

/**
 * Several columns side by side as one float32 matrix [rows, n]; a vector takes as many columns as it has values.
 *
 * @param into filled from its start where given and large enough; else new memory
 * @throws SCHEMA_MISMATCH as {@link columnAs}
 */
export function columnsAsMatrix(batch: AnyColumns, names: readonly string[], into?: Float32Array): TensorView<Float32Array> {
  const columns = names.map((name) => presentColumn(batch, name));
  const width = columns.reduce((sum, column) => sum + cellsPerRow(column.field), 0);
  const length = batch.length * width;
  const data = into !== undefined && into.length >= length ? into.subarray(0, length) : new Float32Array(length);
  let at = 0;
  columns.forEach((column, i) => {
    const size = cellsPerRow(column.field);
    if (column.field.dtype === 'vector') writeVectors(column.values as Float32Array, size, data, at, width);
    else writeCells(column, names[i] as string, batch.length, data, at, width);
    at += size;
  });
  return { data, shape: [batch.length, width], isView: false };
}

function writeVectors(values: Float32Array, size: number, data: Float32Array, at: number, width: number): void {
  for (let from = 0, to = at; from < values.length; from += size, to += width) {
    for (let k = 0; k < size; k++) data[to + k] = values[from + k] as number;
  }
}

/** Writes cell i to data[at + i * step]; the first row that an integer target cannot hold, if there is one. */
function writeCells(column: Column, name: string, length: number, data: Float32Array | Int32Array, at: number, step: number): number | undefined {
  const { values, field } = column;
  switch (field.dtype) {
    case 'bool':
      return store(data, at, step, length, (i) => (bitAt(values as Uint8Array, i) ? 1 : 0));
    case 'float16':
      return store(data, at, step, length, (i) => fromFloat16((values as Uint16Array)[i] as number));
    case 'int64':
    case 'timestamp': {
      const words = wordsOf(values as BigInt64Array);
      return store(data, at, step, length, (i) => readInt64(words, i));
    }
    case 'string':
    case 'bytes':
    case 'list':
      throw noTensor(name, field, 'a number');
    default:
      return store(data, at, step, length, (i) => (values as Float64Array)[i] as number);
  }
}

function store(data: Float32Array | Int32Array, at: number, step: number, length: number, read: (index: number) => number): number | undefined {
  if (data instanceof Float32Array) {
    for (let i = 0; i < length; i++) data[at + i * step] = read(i);
    return undefined;
  }
  for (let i = 0; i < length; i++) {
    const value = read(i);
    if ((value | 0) !== value) return i;
    data[at + i * step] = value;
  }
  return undefined;
}

function presentColumn(batch: AnyColumns, name: string): Column {
  const column = (batch as unknown as RecordBatch).column(name);
  if (column.nullCount === 0) return column;
  throw new MillraceError(
    'SCHEMA_MISMATCH',
    `column "${name}": ${column.nullCount} of ${column.length} values are null, and a tensor has no nulls; fill them in a derived column`,
    {
      details: { column: name, nulls: column.nullCount },
    },
  );
}

function cellsPerRow(field: Field): number {
  return field.dtype === 'vector' ? (field.size ?? 0) : 1;
}

function shapeOfColumn(column: Column): readonly number[] {
  return column.field.dtype === 'vector' ? [column.length, cellsPerRow(column.field)] : [column.length];
}

function noTensor(name: string, field: Field, what: string): MillraceError {
  return new MillraceError('SCHEMA_MISMATCH', `column "${name}": ${formatField(field)} is not ${what} of a tensor; derive a numeric column from it`, {
    details: { column: name },
  });
}

function doesNotFit(name: string, row: number, column: Column): MillraceError {
  const shown = column.field.dtype === 'vector' ? `cell ${row}` : `row ${row}: ${String(column.get(row))}`;
  return new MillraceError('SCHEMA_MISMATCH', `column "${name}", ${shown} is no int32; ask for float32, or derive a column that fits`, {
    details: { column: name, row },
  });
}
