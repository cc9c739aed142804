import assert from 'node:assert/strict';
import type { Started } from './start.js';
import type { Row, Transaction } from './subtasks.js';

export interface Counted extends Row {
  readonly count: number;
}

/** What the committing sinks of all runs have written: a transaction counts once, however often it was committed. */
export function committedRows(...runs: readonly Started[]): Counted[] {
  const transactions = new Map(runs.flatMap((run) => run.values<Transaction>('sink', 'committed')).map((transaction) => [transaction.name, transaction.rows]));
  return [...transactions.values()].flat() as Counted[];
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
