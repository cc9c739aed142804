import { MillraceError } from '../core/errors.js';
import { copyData, sliceData, takeData } from './column-data.js';
import { makeColumn, type DataColumn } from './column.js';
import { privateCopy } from './copy.js';
import { shapeOf, type RowShape } from './row-shape.js';
import { formatSchema, type Schema } from './schema.js';
import type { Column, RecordBatch } from './batch.js';

/** A batch of columns in Arrow's layout, in private memory or over the payload of a frame. */
export class ColumnBatch<R = Record<string, unknown>> implements RecordBatch<R> {
  readonly #shape: RowShape;

  /**
   * @param columns one for each column of `schema`, in its order, each `length` long
   * @param isTimesOwned false where `times` belongs to a channel
   */
  constructor(
    readonly schema: Schema,
    readonly length: number,
    readonly columns: readonly DataColumn[],
    readonly times: Float64Array | undefined,
    private readonly isTimesOwned = true,
  ) {
    this.#shape = shapeOf(schema);
  }

  column<K extends keyof R & string>(name: K): Column<R[K]> {
    return this.dataColumn(name) as DataColumn<R[K]>;
  }

  /** The column with its memory. @throws SCHEMA_MISMATCH for an unknown name */
  dataColumn(name: string): DataColumn {
    const column = this.columns[this.#shape.index.get(name) ?? -1];
    if (column !== undefined) return column;
    throw new MillraceError('SCHEMA_MISMATCH', `no column "${name}" in ${formatSchema(this.schema)}`, { details: { column: name } });
  }

  row(index: number): R {
    return this.#shape.maker(this.columns, index) as R;
  }

  rows(): R[] {
    const { maker } = this.#shape;
    const out = new Array<R>(this.length);
    for (let i = 0; i < out.length; i++) out[i] = maker(this.columns, i) as R;
    return out;
  }

  select(names: readonly string[]): ColumnBatch<R> {
    const columns = names.map((name) => this.dataColumn(name));
    return new ColumnBatch<R>(this.#shape.selection(names), this.length, columns, this.times, this.isTimesOwned);
  }

  slice(from: number, to: number): ColumnBatch<R> {
    const start = Math.min(Math.max(from, 0), this.length);
    const end = Math.min(Math.max(to, start), this.length);
    if (start === 0 && end === this.length) return this;
    const columns = this.columns.map((column) => makeColumn(column.field, sliceData(column.field, column.data, start, end), column.isOwned));
    return new ColumnBatch<R>(this.schema, end - start, columns, this.times?.subarray(start, end), this.isTimesOwned);
  }

  take(indices: Int32Array): ColumnBatch<R> {
    const columns = this.columns.map((column) => makeColumn(column.field, takeData(column.field, column.data, indices), true));
    return new ColumnBatch<R>(this.schema, indices.length, columns, takeTimes(this.times, indices));
  }

  withTimes(times: Float64Array | undefined): ColumnBatch<R> {
    return new ColumnBatch<R>(this.schema, this.length, this.columns, times);
  }

  retain(): ColumnBatch<R> {
    if (this.isTimesOwned && this.columns.every((column) => column.isOwned)) return this;
    const columns = this.columns.map((column) => (column.isOwned ? column : makeColumn(column.field, copyData(column.field, column.data), true)));
    const times = this.times === undefined || this.isTimesOwned ? this.times : new Float64Array(privateCopy(this.times).buffer);
    return new ColumnBatch<R>(this.schema, this.length, columns, times);
  }
}

export function takeTimes(times: Float64Array | undefined, indices: Int32Array): Float64Array | undefined {
  if (times === undefined) return undefined;
  const out = new Float64Array(indices.length);
  for (let i = 0; i < out.length; i++) out[i] = times[indices[i] as number] as number;
  return out;
}
