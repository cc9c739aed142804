import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finalCut } from '../../../../src/stream/subtask.js';
import { startJob, startPipeline, type Started } from './support/start.js';
import type { Row } from './support/subtasks.js';

interface Counted extends Row {
  readonly count: number;
}

const numbers = { count: 40_000, splits: 6, batchRows: 50, keys: 97, pauseMs: 1, watermarks: true };
/** Scaled twice. */
const scaled = { ...numbers, heldAt: [10_000, 20_000] };

function rowsSunk(started: Started): Counted[] {
  return started.values<Counted[]>('sink', 'rows').flat();
}

/** Every record once, and every key counted 1, 2, 3, ... without a gap or a repetition. */
function assertExact(rows: readonly Counted[], count: number, keys: number): void {
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

async function progress(started: Started, batches: number): Promise<void> {
  const enough = started.values('sink', 'rows').length + batches;
  await started.until(() => started.values('sink', 'rows').length >= enough);
}

test('scaling a keyed operator 1 -> 3 -> 2 under load moves its state by key group and uses each record once', async () => {
  const started = await startPipeline({
    numbers: scaled,
    sourceParallelism: 2,
    exchange: 'hash',
    middle: 'count',
    middleParallelism: 1,
    sinkParallelism: 2,
    sinkExchange: 'rebalance',
  });
  await progress(started, 20);
  await started.job.scale('middle', 3);
  assert.equal(started.job.status().operators.find(({ uid }) => uid === 'middle')?.parallelism, 3);
  await progress(started, 20);
  await started.job.scale('middle', 2);
  await progress(started, 20);
  const summary = await started.job.finished;
  assert.equal(started.job.status().attempt, 2);
  assertExact(rowsSunk(started), numbers.count, numbers.keys);
  const middle = summary.operators.find(({ uid }) => uid === 'middle');
  assert.deepEqual([middle?.recordsIn, middle?.recordsOut], [numbers.count, numbers.count], 'totals cover all attempts');
  assert.deepEqual([...new Set(started.values<number>('sink', 'complete'))], [1, 2, finalCut]);
});

test('scaling a source moves its splits', async () => {
  const started = await startPipeline({ numbers: scaled, sourceParallelism: 3, exchange: 'hash', middle: 'count', middleParallelism: 2, sinkParallelism: 1 });
  await progress(started, 20);
  await started.job.scale('numbers', 1);
  await progress(started, 20);
  await started.job.scale('numbers', 2);
  await started.job.finished;
  assertExact(rowsSunk(started), numbers.count, numbers.keys);
});

test('a cut goes on where some source subtasks have ended', async () => {
  // One split only: subtasks 1 and 2 end at once.
  const started = await startPipeline({
    numbers: { ...numbers, splits: 1, count: 20_000, heldAt: [5_000, 10_000] },
    sourceParallelism: 3,
    exchange: 'hash',
    middle: 'count',
    middleParallelism: 1,
    sinkParallelism: 1,
  });
  await progress(started, 20);
  await started.job.scale('middle', 2);
  await progress(started, 20);
  await started.job.scale('numbers', 2);
  await started.job.finished;
  assertExact(rowsSunk(started), 20_000, numbers.keys);
});

test('a cut waits for a slow channel and holds the fast one', async () => {
  const left = JSON.stringify({ count: 20_000, splits: 1, batchRows: 10, keys: 1, pauseMs: 1 });
  const right = JSON.stringify({ count: 400, splits: 1, batchRows: 20, keys: 1 });
  const started = await startJob('merge-job.js', { left, right, slowMs: 2 });
  await started.until(() => started.values<number>('sink', 'input').includes(1));
  // All of `right` was read before the barrier: it lies before it in the slow channel.
  await started.until(() => started.values('right', 'read').length === 20);
  await started.job.scale('left', 1);
  assert.equal(started.values<Row[]>('sink', 'rows').length > 0, true);
  await started.job.stop();
  const rightRows = started.reports.filter(({ uid, channel }) => uid === 'slow' && channel === 'rows');
  assert.equal(rightRows.length, 0);
  const counts = started.values<number>('sink', 'input');
  assert.equal(counts.filter((input) => input === 1).length, 20);
  const leftRows = started.values<Row[]>('sink', 'rows').flat().length - 400;
  assert.equal(
    leftRows,
    started.values<number>('left', 'read').reduce((sum, rows) => sum + rows, 0),
  );
});

test('a cut that is not answered in time fails naming the subtask, and the job runs on as before', async () => {
  const started = await startPipeline(
    { numbers: { ...numbers, count: 800, splits: 1, pauseMs: 0 }, exchange: 'rebalance', middle: 'slow', middleParallelism: 1, sinkParallelism: 1 },
    { engine: { cutTimeoutMs: 50 } },
  );
  await started.until(() => started.values('sink', 'rows').length >= 1);
  await assert.rejects(started.job.scale('middle', 2), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'CUT_FAILED');
    assert.match(error.message, /middle -> sink/);
    return true;
  });
  assert.equal(started.job.state, 'running');
  await started.job.finished;
  assert.equal(rowsSunk(started).length, 800);
  assert.equal(started.job.status().attempt, 0);
});

test('scale refuses unknown names and numbers out of range, and names what there is', async () => {
  const started = await startPipeline({ numbers: { ...numbers, count: 1000 } });
  await assert.rejects(started.job.scale('nobody', 2), { code: 'OPTION_INVALID', message: /numbers, middle, sink/ });
  await assert.rejects(started.job.scale('middle', 0), { code: 'OPTION_INVALID', message: /from 1 to 128/ });
  await assert.rejects(started.job.scale('middle', 1.5), { code: 'OPTION_INVALID' });
  await started.job.cancel();
});

test('roles are found by role name and scaled without losing a record', async () => {
  const started = await startJob('role-job.js', { heldAt: 1000 });
  await started.until(() => started.values('sink', 'rows').length > 50);
  await started.job.scale('worker', 3);
  await started.job.finished;
  const numbersSunk = started
    .values<Row[]>('sink', 'rows')
    .flat()
    .map(({ n }) => n);
  assert.equal(numbersSunk.length, 2000);
  assert.equal(new Set(numbersSunk).size, 2000);
  assert.deepEqual(started.values('worker', 'found'), ['address-0', 'address-0', 'address-1', 'address-1', 'address-1']);
  assert.deepEqual(new Set(started.values('shard', 'cut')), new Set([1, finalCut]));
});
