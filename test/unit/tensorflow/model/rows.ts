import type { Column, RecordBatch } from '../../../../src/memory/batch.js';
import type { Field, Infer, Schema } from '../../../../src/memory/schema.js';

/** A batch of columns held as JavaScript values, or as the given typed arrays: what models see, without a channel. */
export function rowsBatch<S extends Schema>(schema: S, rows: readonly Infer<S>[], values: Readonly<Record<string, ArrayBufferView>> = {}): RecordBatch {
  const batch: Partial<RecordBatch> & { length: number } = {
    length: rows.length,
    schema,
    times: undefined,
    column: (name: string) => column(name, schema[name] as Field, rows, values[name]),
    row: (i) => ({ ...(rows[i] as Record<string, unknown>) }),
    rows: () => rows.map((row) => ({ ...(row as Record<string, unknown>) })),
    slice: (from, to) => rowsBatch(schema, rows.slice(from, to)),
  };
  return batch as RecordBatch;
}

function column(name: string, field: Field, rows: readonly Record<string, unknown>[], values: ArrayBufferView | undefined): Column {
  return {
    length: rows.length,
    field,
    get: (i) => rows[i]?.[name],
    isNull: (i) => rows[i]?.[name] === null,
    nullCount: rows.filter((row) => row[name] === null).length,
    values,
    offsets: undefined,
    validity: undefined,
    toArray: () => rows.map((row) => row[name]),
  };
}
