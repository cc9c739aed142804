import type { Schema } from './schema.js';

/**
 * Rows that travel together: columns of one schema, or schemaless JavaScript objects.
 *
 * A batch is immutable once emitted. Batches read from a channel are views over channel memory: whoever needs one after
 * `process` returns must {@link RecordBatch.retain} it.
 */
export interface RecordBatch<R = Record<string, unknown>> {
  readonly length: number;
  /** undefined for schemaless rows. */
  readonly schema: Schema | undefined;
  /** Event time of each row, ms since the epoch [length]; undefined where the stream has no event time. */
  readonly times: Float64Array | undefined;
  /** @throws SCHEMA_MISMATCH for an unknown name, or where the batch is schemaless */
  column<K extends keyof R & string>(name: K): Column<R[K]>;
  /** A fresh plain object; safe to keep. */
  row(index: number): R;
  /** Fresh plain objects; safe to keep. */
  rows(): R[];
  /** The same rows with only these columns, without a copy. */
  select(names: readonly string[]): RecordBatch<R>;
  /** Rows from..to (exclusive), without a copy where the layout allows it. */
  slice(from: number, to: number): RecordBatch<R>;
  /** The rows at these positions, in that order; copies. */
  take(indices: Int32Array): RecordBatch<R>;
  /** The same rows with other event times. */
  withTimes(times: Float64Array | undefined): RecordBatch<R>;
  /** A batch that owns its memory: itself where it already does. */
  retain(): RecordBatch<R>;
}

/** One column of a batch. */
export interface Column<T = unknown> {
  readonly length: number;
  readonly field: import('./schema.js').Field<T>;
  /** null for a missing value. */
  get(index: number): T;
  isNull(index: number): boolean;
  readonly nullCount: number;
  /** Values in the layout of schema.ts (for string, bytes and list: the value bytes). Undefined where held as JavaScript values. */
  readonly values: ArrayBufferView | undefined;
  /** int32 [length + 1] for string, bytes and list. */
  readonly offsets: Int32Array | undefined;
  /** Bitmap, 1 = present; undefined where nothing is null. */
  readonly validity: Uint8Array | undefined;
  toArray(): T[];
}
