import assert from 'node:assert/strict';
import type { Started } from './start.js';
import type { Row, Transaction } from './subtasks.js';

export interface Counted extends Row {
  readonly count: number;
}

/** What the committing sinks of all runs have written: a transaction counts once, however often it was committed. */
export function committedRows(...runs: readonly Started[]): Counted[] {
  return rowsOf(runs.flatMap((run) => run.values<Transaction>('sink', 'committed')));
}

/** What one sink of a run has committed. */
export function committedBy(run: Started, sink: string): Counted[] {
  return rowsOf(run.values<Transaction>(sink, 'committed'));
}

function rowsOf(all: readonly Transaction[]): Counted[] {
  const transactions = new Map(all.map((transaction) => [transaction.name, transaction.rows]));
  return [...transactions.values()].flat() as Counted[];
}

/** Of a stream that was stopped: of each split a beginning without a gap, every record once, and every key counted without a gap. */
export function assertExactSoFar(rows: readonly Counted[], splits: number): void {
  for (let split = 0; split < splits; split++) {
    const read = rows.filter(({ n }) => n % splits === split).map(({ n }) => n);
    assert.deepEqual(
      read.sort((a, b) => a - b),
      Array.from({ length: read.length }, (_, i) => split + i * splits),
    );
  }
  assertExact(rows, rows.length, new Set(rows.map(({ key }) => key)).size);
}

/** Every record once, and every key counted 1, 2, 3, ... without a gap or a repetition. */
export function assertExact(rows: readonly Counted[], count: number, keys: number): void {
  assert.equal(rows.length, count);
  assert.equal(new Set(rows.map(({ n }) => n)).size, count);
  const byKey = new Map<string, number[]>();
  for (const { key, count: counted } of rows) byKey.set(key, [...(byKey.get(key) ?? []), counted]);
  assert.equal(byKey.size, keys);
  for (const counts of byKey.values())
    assert.deepEqual(
      counts.sort((a, b) => a - b),
      Array.from({ length: counts.length }, (_, i) => i + 1),
    );
}
