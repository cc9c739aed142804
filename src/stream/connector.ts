import { t, type Schema } from '../memory/schema.js';
import type { RecordBatch } from '../memory/batch.js';
import type { SourceSubtask, Subtask } from './subtask.js';
import type { SplitTimesOptions } from './time/split-times.js';

/**
 * The public contract of a source: what it makes, and its run-time part. `source(parquet(path, schema))` is a call with
 * one of these; write your own by returning the same shape.
 */
export interface SourceConnector<R> {
  /** 'parquet', 'generator', ...; default operator name. */
  readonly name: string;
  /** undefined: schemaless rows. */
  readonly schema: Schema | undefined;
  readonly boundedness: 'bounded' | 'unbounded';
  /** Most subtasks that can share the work; 1 for a single file. */
  readonly maxParallelism: number | undefined;
  /** Checks what can be checked before the job starts (the file exists, its columns fit). Problems, each one sentence. */
  validate?(): readonly string[];
  /** More for explain: path, rate. */
  readonly notes: readonly string[];
  /** The subtask gives its records event time and makes the watermarks, from SourceRuntimeOptions.times: one for each split. */
  readonly makesTimes?: boolean;
  create(options: SourceRuntimeOptions): SourceSubtask;
  readonly _row?: R;
}

export interface SourceRuntimeOptions {
  /** How many times a bounded source replays its data. Default 1. */
  readonly passes: number;
  /** 'deadLetter': a malformed record goes to side output `dead-letters`; 'fail': RECORD_MALFORMED. */
  readonly onBadRecord: 'deadLetter' | 'fail';
  /** Rows per batch asked for; a hint. */
  readonly batchRows: number;
  /** For a connector that makesTimes, where the stream has event time. */
  readonly times?: SplitTimesOptions | undefined;
}

/** The public contract of a sink. */
export interface SinkConnector<in R> {
  readonly name: string;
  /** 1 where the target is a single file or terminal. */
  readonly maxParallelism: number | undefined;
  readonly notes: readonly string[];
  validate?(schema: Schema | undefined): readonly string[];
  /** `schema` is that of the stream written; undefined for schemaless rows. */
  create(schema: Schema | undefined): Subtask;
  /** Never set: carries R for the compiler. */
  readonly _row?: (row: R) => void;
}

/** A record that a source or operator could not use. */
export interface DeadLetter {
  /** Operator and, for a file, its path. */
  readonly source: string;
  /** Byte offset, line or row, as the source counts. */
  readonly position: string;
  readonly code: string;
  readonly cause: string;
  /** The original bytes, as far as they are known; UTF-8 text or base64. */
  readonly record: string;
  /** The original itself where the source has records of bytes (Kafka); null elsewhere. */
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
  /** JSON: [name, base64 or null] of each header, in order. */
  readonly headers: string | null;
}

/** For a record that did not come as bytes. */
export const noOriginal = Object.freeze({ value: null, key: null, headers: null }) satisfies Pick<DeadLetter, 'value' | 'key' | 'headers'>;

export const deadLetterTag = 'dead-letters';

/** Schema of the dead-letter side output. */
export const deadLetterSchema = Object.freeze({
  source: t.string(),
  position: t.string(),
  code: t.string(),
  cause: t.string(),
  record: t.string(),
  value: t.nullable(t.bytes()),
  key: t.nullable(t.bytes()),
  headers: t.nullable(t.string()),
}) satisfies Schema;

export type DeadLetterBatch = RecordBatch<DeadLetter>;
