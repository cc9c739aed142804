import type { RecordBatch } from '../../../memory/batch.js';
import type { SubtaskContext } from '../../subtask.js';
import type { Key } from '../../state/key.js';
import type { Window } from '../../windows/aggregate.js';

/** How windows accumulate rows and make results of them: by JavaScript objects, or by columns. */
export interface WindowKernel {
  /** False: accumulators cannot be put together. */
  readonly canMerge: boolean;
  open(context: SubtaskContext): void;
  /** Rows are those of `batch` from now on. */
  bind(batch: RecordBatch): void;
  createTable(): AccumulatorTable;
  /** Makes the result of one window of one key, with event time end - 1. */
  emit(table: AccumulatorTable, entry: number, window: Window<Key>, watermark: number): void;
  /** Hands on what was emitted. */
  flush(): void;
}

/** Accumulators, numbered from 0; each is empty until something is added. */
export interface AccumulatorTable {
  /** Adds rows from..to (exclusive) of the bound batch, row i to accumulator entries[i]. */
  add(from: number, to: number, entries: Int32Array): void;
  /** Adds what accumulator `entry` of `other` has to accumulator `into`; `other` keeps it. */
  merge(into: number, other: AccumulatorTable, entry: number): void;
  /** Makes an accumulator empty. */
  clear(entry: number): void;
  /** The accumulators of these entries as plain data for a snapshot, and back. */
  encode(entries: readonly number[]): unknown;
  decode(encoded: unknown, entries: readonly number[]): void;
}
