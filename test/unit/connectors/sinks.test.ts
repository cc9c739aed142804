import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, Collector, console as consoleSink, discard } from '../../../src/connectors/index.js';
import type { StateChunk } from '../../../src/stream/subtask.js';
import { batchesOf, cutSink, endSink, openSink, type Recorded } from './harness.js';

const rows = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

test('the console sink hands lines to the host: each n-th row, in the format asked for', async () => {
  const { subtask, recorded } = await openSink(consoleSink<number>({ every: 3, format: (row) => (row === 6 ? undefined : `row ${row}`) }), undefined);
  for (const batch of batchesOf(undefined, rows(0, 10), 4)) await subtask.process(batch, 0);
  assert.deepEqual(recorded.reports, [
    { channel: 'console', value: ['row 0', 'row 3'] },
    { channel: 'console', value: ['row 9'] },
  ]);
});

test('the console sink prints rows as JSON by default', async () => {
  const { subtask, recorded } = await openSink(consoleSink(), undefined);
  for (const batch of batchesOf(undefined, [{ a: new Date(0), b: 1n }], 1)) await subtask.process(batch, 0);
  assert.deepEqual(recorded.reports[0]?.value, ['{"a":"1970-01-01T00:00:00.000Z","b":"1"}']);
  assert.throws(() => consoleSink({ every: 0 }), { code: 'OPTION_INVALID' });
});

function hand(collector: Collector, recorded: Recorded, subtask: number, attempt: number): void {
  for (const report of recorded.reports) assert.ok(collector.accept({ uid: 'subject', subtask, attempt, ...report }));
}

test('a collector has each row once, whatever was reported after the cut that a restore went back to', async () => {
  const collector = new Collector<number>('results');
  const chunks: StateChunk[] = [];
  for (const index of [0, 1]) {
    const { subtask, recorded } = await openSink(collect<number>('results'), undefined, { index, parallelism: 2 });
    for (const batch of batchesOf(undefined, rows(index * 10, index * 10 + 5), 2)) await subtask.process(batch, 0);
    chunks.push(...(await cutSink(subtask, 1)));
    for (const batch of batchesOf(undefined, rows(index * 10 + 5, index * 10 + 8), 2)) await subtask.process(batch, 0);
    hand(collector, recorded, index, 0);
  }
  assert.equal(collector.rows.length, 16);
  // Three subtasks share two chunks.
  for (const index of [0, 1, 2]) {
    const { subtask, recorded } = await openSink(
      collect<number>('results'),
      undefined,
      { index, parallelism: 3, attempt: 1, restored: true },
      chunks.slice(index, index + 1),
    );
    if (index < 2) for (const batch of batchesOf(undefined, rows(index * 10 + 5, index * 10 + 10), 2)) await subtask.process(batch, 0);
    await endSink(subtask);
    hand(collector, recorded, index, 1);
  }
  assert.deepEqual(
    [...collector.rows].sort((a, b) => a - b),
    rows(0, 20),
  );
});

test('a collector forgets everything when the job starts over without a cut, and ignores other sinks', async () => {
  const collector = new Collector<number>();
  for (const attempt of [0, 1]) {
    const { subtask, recorded } = await openSink(collect<number>(), undefined, { attempt });
    for (const batch of batchesOf(undefined, rows(0, 3), 2)) await subtask.process(batch, 0);
    hand(collector, recorded, 0, attempt);
  }
  assert.deepEqual(collector.rows, [0, 1, 2]);
  assert.equal(collector.accept({ uid: 'x', subtask: 0, attempt: 0, channel: 'collect:other', value: [] }), false);
});

test('discard takes anything', async () => {
  const { subtask } = await openSink(discard(), undefined);
  for (const batch of batchesOf(undefined, [1, 2], 1)) await subtask.process(batch, 0);
  await endSink(subtask);
});
