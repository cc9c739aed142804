import { MillraceError } from '../core/errors.js';
import { bitmapBytes, setBit } from './bitmap.js';
import { BatchBuilder } from './batch-builder.js';
import { ColumnBatch } from './column-batch.js';
import { columnBuilder, misfit } from './column-builder.js';
import { arrayTypeOf, concatData, validityOf, valuesPerRow, type ColumnData, type ValueArray } from './column-data.js';
import { DataColumn, makeColumn } from './column.js';
import { fitsInt64, wordsOf, writeInt64 } from './int64.js';
import { RowBatch } from './row-batch.js';
import { formatField, sameField, sameSchema, type Field, type Infer, type Schema } from './schema.js';
import type { Column, RecordBatch } from './batch.js';

/** A batch of columns from objects. @throws SCHEMA_MISMATCH naming column, row, value and type */
export function batchFromRows<S extends Schema>(schema: S, rows: readonly Infer<S>[], times?: Float64Array): RecordBatch<Infer<S>> {
  const builder = new BatchBuilder<Infer<S>>(schema, rows.length);
  for (const row of rows) builder.append(row);
  checkTimes(times, rows.length);
  return builder.finish().withTimes(times);
}

/** A batch of schemaless objects, shared and not copied. */
export function rowBatch<R>(rows: readonly R[], times?: Float64Array): RecordBatch<R> {
  checkTimes(times, rows.length);
  return new RowBatch<R>(rows, times);
}

/**
 * Values of one column: a typed array in the layout of schema.ts is taken over without a copy (bool: Uint8Array of 0 and
 * 1, one for each row; vector: Float32Array [rows * size]; timestamp: also Float64Array of ms), an array of JavaScript
 * values is checked and converted, a column is shared.
 */
export type ColumnValues = ValueArray | readonly unknown[] | Column;

/** @throws SCHEMA_MISMATCH where a column is missing or unknown, has another length, or a value does not fit */
export function batchFromColumns<S extends Schema>(schema: S, values: { readonly [K in keyof S]: ColumnValues }, times?: Float64Array): RecordBatch<Infer<S>> {
  const columns = Object.entries(schema).map(([name, field]) => columnFrom(field, name, values[name]));
  const length = columns[0]?.length ?? times?.length ?? 0;
  checkLengths(schema, columns, length);
  checkTimes(times, length);
  return new ColumnBatch<Infer<S>>(schema, length, columns, times);
}

/**
 * `batch` with columns added or replaced; those not in `values` are shared with it.
 *
 * @param schema of the result: its columns come from `values`, or from `batch` with the same type
 * @throws SCHEMA_MISMATCH as {@link batchFromColumns}
 */
export function withColumns<R = Record<string, unknown>>(batch: RecordBatch, schema: Schema, values: Readonly<Record<string, ColumnValues>>): RecordBatch<R> {
  const columns = Object.entries(schema).map(([name, field]) => {
    const given = Object.hasOwn(values, name) ? values[name] : undefined;
    return columnFrom(field, name, given ?? batch.column(name));
  });
  checkLengths(schema, columns, batch.length);
  return new ColumnBatch<R>(schema, batch.length, columns, batch.times);
}

/** One column from values. @throws SCHEMA_MISMATCH */
export function columnFrom(field: Field, name: string, values: ColumnValues | undefined): DataColumn {
  if (values === undefined) {
    throw new MillraceError('SCHEMA_MISMATCH', `column "${name}": no values given; it needs ${formatField(field)}`, { details: { column: name } });
  }
  if (values instanceof DataColumn) return shared(field, name, values);
  if (ArrayBuffer.isView(values)) {
    const adopted = adoptTyped(field, values);
    if (adopted !== undefined) return makeColumn(field, adopted, true);
  }
  if (field.dtype === 'string' && Array.isArray(values)) return makeColumn(field, adoptStrings(field, name, values), true);
  const items = Array.isArray(values)
    ? (values as readonly unknown[])
    : ArrayBuffer.isView(values)
      ? (values as ArrayLike<unknown>)
      : (values as Column).toArray();
  const builder = columnBuilder(field, name, items.length);
  for (let i = 0; i < items.length; i++) builder.append(items[i]);
  return builder.finish();
}

function shared(field: Field, name: string, column: DataColumn): DataColumn {
  if (sameField(field, column.field)) return column;
  if (sameField(field, { ...column.field, nullable: field.nullable }) && (field.nullable || column.nullCount === 0)) {
    return makeColumn(field, field.nullable ? column.data : { ...column.data, validity: undefined }, column.isOwned);
  }
  throw new MillraceError('SCHEMA_MISMATCH', `column "${name}": ${formatField(column.field)} given where ${formatField(field)} is needed`, {
    details: { column: name },
  });
}

function adoptTyped(field: Field, values: ValueArray): ColumnData | undefined {
  const none = { validity: undefined, offsets: undefined, strings: undefined };
  if (field.dtype === 'bool' && values instanceof Uint8Array) {
    const bits = new Uint8Array(bitmapBytes(values.length));
    for (let i = 0; i < values.length; i++) if (values[i] !== 0) setBit(bits, i);
    return { ...none, length: values.length, values: bits };
  }
  if (field.dtype === 'timestamp' && values instanceof Float64Array) {
    const dates = new BigInt64Array(values.length);
    const words = wordsOf(dates);
    for (let i = 0; i < values.length; i++) {
      const ms = values[i] as number;
      if (!fitsInt64(ms)) throw misfit(field, 'time', i, ms);
      writeInt64(words, i, ms);
    }
    return { ...none, length: values.length, values: dates };
  }
  const isVariable = field.dtype === 'string' || field.dtype === 'bytes' || field.dtype === 'list';
  if (isVariable || field.dtype === 'bool' || !(values instanceof arrayTypeOf(field.dtype))) return undefined;
  const length = values.length / valuesPerRow(field);
  return Number.isInteger(length) ? { ...none, length, values } : undefined;
}

function adoptStrings(field: Field, name: string, values: readonly unknown[]): ColumnData {
  const nulls: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value === 'string') continue;
    if (!field.nullable || (value !== null && value !== undefined)) throw misfit(field, name, i, value);
    nulls.push(i);
  }
  return { length: values.length, validity: validityOf(values.length, nulls), offsets: undefined, values: undefined, strings: values as (string | null)[] };
}

function checkLengths(schema: Schema, columns: readonly DataColumn[], length: number): void {
  const names = Object.keys(schema);
  columns.forEach((column, i) => {
    if (column.length === length) return;
    throw new MillraceError('SCHEMA_MISMATCH', `column "${names[i] as string}" has ${column.length} values where the batch has ${length} rows`, {
      details: { column: names[i], length: column.length, rows: length },
    });
  });
}

function checkTimes(times: Float64Array | undefined, length: number): void {
  if (times === undefined || times.length === length) return;
  throw new MillraceError('SCHEMA_MISMATCH', `${times.length} event times given for ${length} rows`, { details: { times: times.length, rows: length } });
}

/**
 * The rows of all batches, in order; one batch is returned as it is.
 *
 * @throws SCHEMA_MISMATCH where the schemas differ, or only some have event times
 */
export function concatBatches<R>(batches: readonly RecordBatch<R>[]): RecordBatch<R> {
  const first = batches[0];
  if (first === undefined) throw new MillraceError('INTERNAL', 'concatBatches needs at least one batch');
  if (batches.length === 1) return first;
  const times = concatTimes(batches);
  if (batches.every((batch) => batch instanceof ColumnBatch)) {
    const parts = batches as readonly ColumnBatch<R>[];
    const { schema } = parts[0] as ColumnBatch<R>;
    if (!parts.every((part) => part.schema === schema || sameSchema(part.schema, schema)))
      throw new MillraceError('SCHEMA_MISMATCH', 'batches of different schemas cannot be joined');
    const columns = Object.values(schema).map((field, i) =>
      makeColumn(
        field,
        concatData(
          field,
          parts.map((part) => (part.columns[i] as DataColumn).data),
        ),
        true,
      ),
    );
    return new ColumnBatch<R>(
      schema,
      parts.reduce((sum, part) => sum + part.length, 0),
      columns,
      times,
    );
  }
  if (batches.some((batch) => batch.schema !== undefined)) throw new MillraceError('SCHEMA_MISMATCH', 'a batch with a schema and one without cannot be joined');
  return new RowBatch<R>(
    batches.flatMap((batch) => batch.rows()),
    times,
  );
}

function concatTimes(batches: readonly { readonly length: number; readonly times: Float64Array | undefined }[]): Float64Array | undefined {
  if (batches.every((batch) => batch.times === undefined)) return undefined;
  const times = new Float64Array(batches.reduce((sum, batch) => sum + batch.length, 0));
  let at = 0;
  for (const batch of batches) {
    if (batch.times === undefined) throw new MillraceError('SCHEMA_MISMATCH', 'a batch with event times and one without cannot be joined');
    times.set(batch.times, at);
    at += batch.length;
  }
  return times;
}
