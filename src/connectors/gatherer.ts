import type { RecordBatch } from '../memory/batch.js';
import { batchFromColumns, batchFromRows, rowBatch } from '../memory/index.js';
import type { Schema } from '../memory/schema.js';

/** Gathers values row by row into columns. */
export class ColumnGatherer {
  readonly #schema: Schema;
  readonly #names: readonly string[];
  #columns: unknown[][];
  #length = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
    this.#names = Object.keys(schema);
    this.#columns = this.#names.map(() => []);
  }

  get length(): number {
    return this.#length;
  }

  /** One row, values in schema order; the array may be used again. */
  addValues(values: readonly unknown[]): void {
    for (let i = 0; i < this.#columns.length; i++) (this.#columns[i] as unknown[]).push(values[i]);
    this.#length++;
  }

  take(): RecordBatch | undefined {
    if (this.#length === 0) return undefined;
    const columns = Object.fromEntries(this.#names.map((name, i) => [name, this.#columns[i] as unknown[]]));
    this.#columns = this.#names.map(() => []);
    this.#length = 0;
    return batchFromColumns(this.#schema, columns);
  }
}

/** Gathers schemaless rows. */
export class RowGatherer {
  #rows: unknown[] = [];

  get length(): number {
    return this.#rows.length;
  }

  add(row: unknown): void {
    this.#rows.push(row);
  }

  take(): RecordBatch | undefined {
    if (this.#rows.length === 0) return undefined;
    const rows = this.#rows as Record<string, unknown>[];
    this.#rows = [];
    return rowBatch(rows);
  }
}

/** A batch of rows of any origin. @throws SCHEMA_MISMATCH naming column, row, value and type */
export function makeRowBatch(schema: Schema | undefined, rows: readonly unknown[]): RecordBatch {
  const objects = rows as readonly Record<string, unknown>[];
  return schema === undefined ? rowBatch(objects) : batchFromRows(schema, objects as never);
}
