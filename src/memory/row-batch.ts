import { MillraceError } from '../core/errors.js';
import { takeTimes } from './column-batch.js';
import type { Column, RecordBatch } from './batch.js';

/** Schemaless rows: JavaScript values as they are, shared and not copied. They cross a channel by structured clone. */
export class RowBatch<R = Record<string, unknown>> implements RecordBatch<R> {
  readonly length: number;
  readonly schema = undefined;

  /** @param items taken over, not copied */
  constructor(
    readonly items: readonly R[],
    readonly times: Float64Array | undefined,
  ) {
    this.length = items.length;
  }

  column<K extends keyof R & string>(name: K): Column<R[K]> {
    throw new MillraceError(
      'SCHEMA_MISMATCH',
      `no column "${name}": this stream has no schema; give the operator before it one, or derive columns with with()`,
      {
        details: { column: name },
      },
    );
  }

  row(index: number): R {
    return this.items[index] as R;
  }

  rows(): R[] {
    return this.items.slice();
  }

  select(): this {
    return this;
  }

  slice(from: number, to: number): RowBatch<R> {
    const start = Math.min(Math.max(from, 0), this.length);
    const end = Math.min(Math.max(to, start), this.length);
    if (start === 0 && end === this.length) return this;
    return new RowBatch(this.items.slice(start, end), this.times?.subarray(start, end));
  }

  take(indices: Int32Array): RowBatch<R> {
    const items = new Array<R>(indices.length);
    for (let i = 0; i < items.length; i++) items[i] = this.items[indices[i] as number] as R;
    return new RowBatch(items, takeTimes(this.times, indices));
  }

  withTimes(times: Float64Array | undefined): RowBatch<R> {
    return new RowBatch(this.items, times);
  }

  retain(): this {
    return this;
  }
}
