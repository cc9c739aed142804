import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startJob, startPipeline } from './support/start.js';
import type { Row } from './support/subtasks.js';
import type { Pipeline } from './support/pipeline-job.js';

const numbers = { count: 3000, splits: 4, batchRows: 50, keys: 11 };
const all = Array.from({ length: numbers.count }, (_, n) => n);

async function sunk(pipeline: Pipeline): Promise<{ readonly rows: readonly Row[]; readonly bySubtask: ReadonlyMap<number, readonly Row[]> }> {
  const started = await startPipeline(pipeline);
  const summary = await started.job.finished;
  assert.equal(summary.state, 'finished');
  const bySubtask = new Map<number, Row[]>();
  for (const { subtask, value } of started.reports.filter(({ uid, channel }) => uid === 'sink' && channel === 'rows')) {
    bySubtask.set(subtask, [...(bySubtask.get(subtask) ?? []), ...(value as Row[])]);
  }
  return { rows: [...bySubtask.values()].flat(), bySubtask };
}

function sorted(rows: readonly Row[]): number[] {
  return rows.map(({ n }) => n).sort((a, b) => a - b);
}

test('a chain on one thread passes every record in order', async () => {
  const { rows } = await sunk({ numbers: { ...numbers, splits: 1 } });
  assert.deepEqual(
    rows.map(({ n }) => n),
    all,
  );
});

test('a forward exchange between threads keeps each subtask with its like', async () => {
  const { rows, bySubtask } = await sunk({ numbers, sourceParallelism: 2, middleParallelism: 2, startsChain: true, sinkParallelism: 2 });
  assert.deepEqual(sorted(rows), all);
  for (const [subtask, own] of bySubtask) assert.ok(own.every((row) => row.subtask === subtask));
});

test('a rebalance exchange deals batches of a producer strictly in turn', async () => {
  const { rows, bySubtask } = await sunk({ numbers: { ...numbers, splits: 1 }, exchange: 'rebalance', middleParallelism: 3, sinkParallelism: 3 });
  assert.deepEqual(sorted(rows), all);
  for (const [subtask, own] of bySubtask) assert.ok(own.every(({ n }) => Math.floor(n / 50) % 3 === subtask));
});

test('a hash exchange brings each key to the one owner of its key group', async () => {
  const { rows, bySubtask } = await sunk({ numbers, sourceParallelism: 2, exchange: 'hash', middle: 'count', middleParallelism: 3, sinkParallelism: 3 });
  assert.deepEqual(sorted(rows), all);
  const owners = new Map<string, Set<number>>();
  for (const [subtask, own] of bySubtask) for (const { key } of own) owners.set(key, (owners.get(key) ?? new Set()).add(subtask));
  assert.equal(owners.size, numbers.keys);
  assert.ok([...owners.values()].every((subtasks) => subtasks.size === 1));
  assert.ok(bySubtask.size > 1, 'the keys spread over several subtasks');
});

test('a batch over memory that its maker uses again is whole for whoever reads it later', async () => {
  const started = await startJob('lent-job.js', { count: 5 });
  await started.job.finished;
  const expected = Array.from({ length: 5 * 5_000 }, (_, n) => ({ n, twice: 2 * n, more: 2 * n + 1 }));
  for (const name of ['passes', 'waits']) assert.deepEqual(started.values<object[]>(`${name}-sink`, 'rows').flat(), expected, name);
});

test('a broadcast exchange brings every record to every subtask', async () => {
  const { bySubtask } = await sunk({ numbers, sourceParallelism: 2, exchange: 'broadcast', middleParallelism: 3, sinkParallelism: 3 });
  assert.equal(bySubtask.size, 3);
  for (const own of bySubtask.values()) assert.deepEqual(sorted(own), all);
});

test('a control exchange carries watermarks and ends but no records, and roles end by their own word', async () => {
  const started = await startJob('role-job.js', {});
  await started.job.finished;
  assert.deepEqual(started.values('worker', 'found'), ['address-0', 'address-0']);
  assert.equal(started.values('worker', 'timer').length, 2);
  assert.equal(started.values<Row[]>('sink', 'rows').flat().length, 2000);
  assert.deepEqual(started.values('shard', 'life'), ['end 0', 'end 0']);
  const watermarks = started.values<number>('shard', 'watermark');
  assert.ok(watermarks.length > 2 && watermarks.at(-1) === Infinity);
  assert.deepEqual(started.values('coordinator', 'life'), ['drained']);
});

test('watermarks of several channels merge to their minimum and rise to Infinity at the end', async () => {
  const started = await startPipeline({
    numbers: { ...numbers, splits: 2, watermarks: true },
    sourceParallelism: 2,
    exchange: 'rebalance',
    middleParallelism: 1,
    sinkParallelism: 1,
  });
  await started.job.finished;
  const watermarks = started.values<number>('sink', 'watermark');
  assert.ok(watermarks.length > 10);
  assert.ok(watermarks.every((watermark, i) => i === 0 || watermark > (watermarks[i - 1] as number)));
  assert.equal(watermarks.at(-1), Infinity);
  // Whatever arrives after a watermark of the merged stream is not older than that, as each source counts up.
  let watermark = -Infinity;
  for (const { channel, value } of started.reports.filter(({ uid }) => uid === 'sink')) {
    if (channel === 'watermark') watermark = value as number;
    if (channel === 'rows') assert.ok((value as Row[]).every(({ n }) => n > watermark - numbers.splits));
  }
});

test('an idle source does not hold the watermark back', async () => {
  const started = await startPipeline({
    numbers: { ...numbers, splits: 1, watermarks: true, idleSubtask: 1, bounded: false },
    sourceParallelism: 2,
    exchange: 'rebalance',
    middleParallelism: 1,
    sinkParallelism: 1,
  });
  await started.until(() => started.values<number>('sink', 'watermark').includes(numbers.count - 1));
  assert.equal((await started.job.stop()).state, 'finished');
  assert.equal(started.values<number>('sink', 'watermark').at(-1), Infinity);
});

test('two inputs are told apart, and each one ends by itself', async () => {
  const left = JSON.stringify({ count: 100, splits: 1, batchRows: 10, keys: 1 });
  const right = JSON.stringify({ count: 60, splits: 1, batchRows: 20, keys: 1 });
  const started = await startJob('merge-job.js', { left, right, slowMs: 1 });
  await started.job.finished;
  const inputs = started.values<number>('sink', 'input');
  assert.equal(inputs.filter((input) => input === 0).length, 10);
  assert.equal(inputs.filter((input) => input === 1).length, 3);
  const [opened, ...rest] = started.values<string>('sink', 'life');
  assert.deepEqual([opened, rest.slice(0, 2).sort(), rest.slice(2)], ['open', ['end 0', 'end 1'], ['drained']]);
});
