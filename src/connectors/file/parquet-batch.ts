import type { RecordBatch } from '../../memory/batch.js';
import { onesBitmap, clearBit } from '../../memory/bitmap.js';
import { makeColumn } from '../../memory/column.js';
import { batchFromColumns, type ColumnValues } from '../../memory/index.js';
import type { Field, Schema } from '../../memory/schema.js';
import type { ColumnData } from './parquet-column.js';
import type { Values } from './parquet-values.js';

/** Rows of decoded columns, without those that cannot be used. */
export function keepRows(data: readonly ColumnData[], rows: Int32Array): ColumnData[] {
  return data.map(({ values, nulls }) => ({
    values: Array.isArray(values) ? Array.from(rows, (row) => values[row]) : takeTyped(values, rows),
    nulls: nulls && (takeTyped(nulls, rows) as Uint8Array),
    bad: new Map(),
  }));
}

function takeTyped(values: Exclude<Values, unknown[]>, rows: Int32Array): Exclude<Values, unknown[]> {
  const taken = values.slice(0, rows.length);
  for (let i = 0; i < rows.length; i++) taken[i] = values[rows[i] as number] as never;
  return taken;
}

/** Rows from..to of decoded columns, in schema order; typed arrays are shared, not copied. */
export function columnBatch(schema: Schema, data: readonly ColumnData[], from: number, to: number): RecordBatch {
  return batchFromColumns(
    schema,
    Object.fromEntries(Object.entries(schema).map(([name, field], i) => [name, sliceOf(field, data[i] as ColumnData, from, to)])),
  );
}

function sliceOf(field: Field, { values, nulls }: ColumnData, from: number, to: number): ColumnValues {
  // Containers of JavaScript values hold null where a value is missing.
  if (Array.isArray(values)) return values.slice(from, to);
  const slice = values.subarray(from, to);
  const missing = nulls?.subarray(from, to);
  if (missing === undefined || !field.nullable || !missing.includes(1)) return slice;
  if (field.dtype === 'float16') return Array.from(slice as Float64Array, (value, i) => (missing[i] === 1 ? null : value));
  const validity = onesBitmap(slice.length);
  for (let i = missing.indexOf(1); i >= 0; i = missing.indexOf(1, i + 1)) clearBit(validity, i);
  return makeColumn(field, { length: slice.length, values: slice, validity, offsets: undefined, strings: undefined }, true);
}
