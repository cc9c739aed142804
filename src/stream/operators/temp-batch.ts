import type { Column, RecordBatch } from '../../memory/batch.js';
import type { Field, Schema } from '../../memory/schema.js';

type Row = Record<string, unknown>;

export class TempBatch implements RecordBatch {
  readonly length: number;
  constructor(readonly schema: Schema | undefined, private readonly data: Row[], readonly times: Float64Array | undefined) {
    this.length = data.length;
  }
  column(name: string): Column<never> {
    const data = this.data;
    const field = this.schema?.[name] as Field<never>;
    const get = (i: number): never => (data[i] as Row)[name] as never;
    let nullCount = 0;
    for (let i = 0; i < data.length; i++) if (get(i) === null) nullCount++;
    return { length: data.length, field, get, isNull: (i) => get(i) === null, nullCount, values: undefined, offsets: undefined, validity: undefined, toArray: () => data.map((_, i) => get(i)) };
  }
  row(i: number): Row {
    return { ...this.data[i] };
  }
  rows(): Row[] {
    return this.data.map((r) => ({ ...r }));
  }
  select(names: readonly string[]): RecordBatch {
    const schema = this.schema === undefined ? undefined : Object.fromEntries(names.map((n) => [n, this.schema?.[n] as Field]));
    return new TempBatch(schema, this.data.map((r) => Object.fromEntries(names.map((n) => [n, r[n]]))), this.times);
  }
  slice(from: number, to: number): RecordBatch {
    return new TempBatch(this.schema, this.data.slice(from, to), this.times?.slice(from, to));
  }
  take(indices: Int32Array): RecordBatch {
    return new TempBatch(this.schema, [...indices].map((i) => this.data[i] as Row), this.times && Float64Array.from(indices, (i) => this.times?.[i] as number));
  }
  withTimes(times: Float64Array | undefined): RecordBatch {
    return new TempBatch(this.schema, this.data, times);
  }
  retain(): RecordBatch {
    return this;
  }
}

export function batchFromRows(schema: Schema | undefined, rows: readonly unknown[], times?: Float64Array): RecordBatch {
  return new TempBatch(schema, rows as Row[], times);
}
