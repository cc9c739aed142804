import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { CheckpointRepository, DirectoryStorage, openStorage, readLatest, type RestoredCheckpoint } from '../../../../src/checkpoints/index.js';
import { MillraceError } from '../../../../src/core/index.js';
import type { CheckpointStore } from '../../../../src/stream/checkpoint.js';
import { finalCut } from '../../../../src/stream/subtask.js';
import { assertExact, committedRows } from './support/committed.js';
import type { Pipeline } from './support/pipeline-job.js';
import { startPipeline, type Started } from './support/start.js';

const keys = 97;
const count = 20_000;
const pipeline: Pipeline = {
  numbers: { count, splits: 6, batchRows: 50, keys, pauseMs: 1, watermarks: true },
  sourceParallelism: 2,
  exchange: 'hash',
  middle: 'count',
  middleUid: 'count',
  middleParallelism: 2,
  sinkParallelism: 2,
  sinkExchange: 'rebalance',
  commits: true,
};

/** The same, so slow that no machine reaches its end before it is interrupted. */
const slow: Pipeline = { ...pipeline, numbers: { ...pipeline.numbers, pauseMs: 25 } };

let dir: string;
let storage: DirectoryStorage;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'));
  storage = new DirectoryStorage(dir);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const noWarning = (message: string): void => assert.fail(message);

function store(): CheckpointRepository {
  return new CheckpointRepository(storage, { lineage: 'run', retain: 3, openTarget: openStorage, warn: noWarning });
}

function latest(): Promise<RestoredCheckpoint> {
  return readLatest(storage, noWarning);
}

async function written(started: Started, cuts: number): Promise<void> {
  await started.until(() => started.values('sink', 'complete').length >= 2 * cuts);
}

test('a suspended job goes on from its savepoint with other parallelism: each record once, in one output', async () => {
  const first = await startPipeline(slow, { checkpoints: { everyMs: 20, store: store() } });
  await written(first, 3);
  const summary = await first.job.suspend();
  assert.equal(summary.state, 'suspended');
  const { last } = summary.checkpoints;
  assert.equal(last?.kind, 'savepoint');
  const from = await latest();
  assert.deepEqual([from.number, from.location], [last?.number, last?.location]);
  const before = committedRows(first).length;
  assert.ok(before > 0 && before < count);

  const restore = { from, allowDroppedState: false };
  const second = await startPipeline(
    { ...pipeline, sourceParallelism: 3, middleParallelism: 1, sinkParallelism: 4 },
    { restore, checkpoints: { everyMs: 20, store: store(), after: from.number } },
  );
  const end = await second.job.finished;
  assertExact(committedRows(first, second), count, keys);
  assert.equal(end.checkpoints.last?.kind, 'final');
  assert.ok(
    second.values<number>('sink', 'complete').every((cut) => cut > from.number),
    'numbers go on',
  );

  const third = await startPipeline(pipeline, { restore: { from: await latest(), allowDroppedState: false } });
  await third.job.finished;
  assertExact(committedRows(first, second, third), count, keys);
  assert.equal(third.values('numbers', 'read').length, 0, 'nothing is left after the final checkpoint');
});

test('a job that vanishes goes on from its last checkpoint; what it had not committed is committed once', async () => {
  const first = await startPipeline(slow, { checkpoints: { everyMs: 20, store: store() } });
  await written(first, 3);
  // As kill -9 would: nobody gets to finish anything.
  await first.job.cancel();
  const second = await startPipeline(pipeline, { restore: { from: await latest(), allowDroppedState: false } });
  await second.job.finished;
  assertExact(committedRows(first, second), count, keys);
});

test('a savepoint elsewhere commits nothing, and a job can start from it', async () => {
  const target = join(dir, 'elsewhere');
  const first = await startPipeline(slow, { checkpoints: { everyMs: undefined, store: store() } });
  await first.until(() => first.values('numbers', 'read').length > 20);
  const info = await first.job.savepoint(target);
  assert.equal(info.kind, 'savepoint');
  assert.deepEqual(first.values('sink', 'complete'), []);
  await first.until(() => first.values('sink', 'abort').length === 2);
  await first.job.finished;
  assertExact(committedRows(first), count, keys);
  const second = await startPipeline(pipeline, { restore: { from: await readLatest(new DirectoryStorage(target), noWarning), allowDroppedState: false } });
  await second.job.finished;
  assertExact(committedRows(second), count, keys);
});

test('where the disk is full a checkpoint fails with one clear error, nothing is committed, and the job goes on', async () => {
  const inner = store();
  let failures = 2;
  const full: CheckpointStore = {
    write: (cut) =>
      failures-- > 0
        ? Promise.reject(new MillraceError('DISK_FULL', 'write checkpoint /full: no space left; free some or choose another directory'))
        : inner.write(cut),
  };
  const started = await startPipeline(slow, { checkpoints: { everyMs: 20, store: full } });
  await started.until(() => started.values('sink', 'abort').length === 4);
  assert.deepEqual(started.values('sink', 'complete'), []);
  const { checkpoints } = started.job.status();
  assert.deepEqual([checkpoints.completed, checkpoints.failed, checkpoints.lastError?.code], [0, 2, 'DISK_FULL']);
  assert.equal(started.job.metrics().find(({ name }) => name === 'millrace_checkpoints_failed_total')?.value, 2);
  await written(started, 1);
  assert.equal(started.job.status().checkpoints.lastError, undefined);
  await started.job.finished;
  assertExact(committedRows(started), count, keys);
  const errors = started.logs.filter(({ level }) => level === 'error');
  assert.deepEqual(
    errors.map(({ message }) => message),
    Array(2).fill('checkpoint failed, the job goes on: write checkpoint /full: no space left; free some or choose another directory'),
  );
});

test('where the final checkpoint cannot be written, nothing is committed, and the job fails saying why', async () => {
  const failing: CheckpointStore = { write: () => Promise.reject(new MillraceError('DISK_FULL', 'no space left')) };
  const started = await startPipeline({ ...pipeline, numbers: { ...pipeline.numbers, count: 500 } }, { checkpoints: { everyMs: 60_000, store: failing } });
  await assert.rejects(started.job.finished, { code: 'DISK_FULL' });
  assert.equal(committedRows(started).length, 0);
});

test('a drained job commits on its final checkpoint, and scaling commits on a durable one', async () => {
  const started = await startPipeline({ ...pipeline, numbers: { ...pipeline.numbers, bounded: false } }, { checkpoints: { everyMs: 60_000, store: store() } });
  await started.until(() => started.values('numbers', 'read').length > 20);
  await started.job.scale('count', 3);
  assert.equal((await latest()).kind, 'checkpoint');
  assert.deepEqual(new Set(started.values('sink', 'complete')), new Set([1]));
  const summary = await started.job.stop();
  assert.deepEqual([summary.state, summary.checkpoints.last?.kind], ['finished', 'final']);
  assert.deepEqual(new Set(started.values('sink', 'complete')), new Set([1, finalCut]));
  const read = started.values<number>('numbers', 'read').reduce((sum, rows) => sum + rows, 0);
  assert.equal(committedRows(started).length, read);
});

test('a checkpoint that does not fit the graph is refused operator by operator, before anything starts', async () => {
  const first = await startPipeline(slow, { checkpoints: { everyMs: 20, store: store() } });
  await written(first, 1);
  await first.job.suspend();
  const from = await latest();
  const restore = { from, allowDroppedState: false };
  await assert.rejects(startPipeline({ ...pipeline, middleUid: 'renamed' }, { restore }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'STATE_MISMATCH');
    assert.match(error.message, /operator 'count' \(count 'middle'\) has state and is not in the graph \(new there: 'renamed' \(count 'middle'\)\)/);
    assert.match(error.message, /--allow-dropped-state/);
    return true;
  });
  await assert.rejects(startPipeline({ ...pipeline, middle: 'pass' }, { restore }), {
    code: 'STATE_MISMATCH',
    message: /'count' \(count 'middle'\) has state and is of kind map/,
  });
  await assert.rejects(startPipeline(pipeline, { restore, keyGroups: 64 }), {
    code: 'STATE_MISMATCH',
    message: /has 128 key groups, the job has 64; set keyGroups to 128/,
  });

  const second = await startPipeline({ ...pipeline, middleUid: 'renamed' }, { restore: { from, allowDroppedState: true } });
  await second.job.finished;
  const rows = committedRows(first, second);
  assert.equal(rows.length, count, 'sources and sinks go on');
  const warnings = second.logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
  assert.match(warnings.join('\n'), /'renamed' .*is not in the checkpoint and starts without state/);
  assert.match(warnings.join('\n'), /'count' .*its state is dropped/);
});

test('a savepoint without a place for it is refused', async () => {
  const started = await startPipeline({ ...pipeline, numbers: { ...pipeline.numbers, count: 500 } });
  await assert.rejects(started.job.savepoint(), { code: 'UNSUPPORTED', message: /without a checkpoint store/ });
  await started.job.finished;
});
