import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finalCut } from '../../../../src/stream/subtask.js';
import { startJob, startPipeline } from './support/start.js';

const numbers = { count: 20_000, splits: 4, batchRows: 50, keys: 11 };

test('a bounded job ends with a last cut, commits, and closes drained', async () => {
  const started = await startPipeline({ numbers, sourceParallelism: 2, exchange: 'rebalance', middleParallelism: 2, sinkParallelism: 1 });
  const summary = await started.job.finished;
  assert.equal(summary.state, 'finished');
  assert.deepEqual(started.values('sink', 'life'), ['open', 'end 0', 'drained']);
  assert.deepEqual(started.values('sink', 'complete'), [finalCut]);
  const totals = summary.operators.map(({ uid, recordsIn, recordsOut }) => [uid, recordsIn, recordsOut]);
  assert.deepEqual(totals, [
    ['numbers', 0, 20_000],
    ['middle', 20_000, 20_000],
    ['sink', 20_000, 0],
  ]);
});

test('a slow sink holds the source back', async () => {
  // Four batches fit a channel; nothing else may pile up between source and sink.
  const started = await startPipeline(
    { numbers: { ...numbers, batchRows: 500 }, exchange: 'rebalance', sinkPauseMs: 5 },
    { engine: { channelBytes: 64 * 1024 } },
  );
  await started.until(() => {
    const ahead = started.values('numbers', 'read').length - started.values('sink', 'rows').length;
    assert.ok(ahead <= 12, `the source is ${ahead} batches ahead`);
    return started.values('sink', 'rows').length >= 30;
  });
  assert.equal((await started.job.finished).state, 'finished');
});

test('stop drains: what was read is processed, then the job finishes', async () => {
  const started = await startPipeline({ numbers: { ...numbers, pauseMs: 1, bounded: false }, exchange: 'rebalance' });
  await started.until(() => started.values('sink', 'rows').length >= 5);
  const summary = await started.job.stop();
  assert.equal(summary.state, 'finished');
  const read = started.values<number>('numbers', 'read').reduce((sum, rows) => sum + rows, 0);
  assert.equal(started.values<unknown[]>('sink', 'rows').flat().length, read);
  assert.deepEqual(started.values('sink', 'life'), ['open', 'end 0', 'drained']);
});

test('an error in a user function ends the job with its first cause: operator, subtask and code', async () => {
  const started = await startPipeline({ numbers, sourceParallelism: 2, exchange: 'rebalance', middle: 'throws', middleParallelism: 3, sinkParallelism: 1 });
  await assert.rejects(started.job.finished, (error: Error & { code?: string; details?: Record<string, unknown> }) => {
    assert.equal(error.code, 'USER_FUNCTION');
    assert.match(error.message, /^middle \(subtask \d of 3\): boom at 500$/);
    assert.equal(error.details?.['operator'], 'middle');
    assert.match(String(error.stack), /pipeline-job/);
    return true;
  });
  assert.equal(started.job.state, 'failed');
  assert.equal(started.job.status().error?.code, 'USER_FUNCTION');
});

test('a thread that dies is THREAD_LOST, naming the subtask', async () => {
  const started = await startPipeline({ numbers, exchange: 'rebalance', middle: 'exits', middleParallelism: 2, sinkParallelism: 1 });
  await assert.rejects(started.job.finished, { code: 'THREAD_LOST', message: /middle \(subtask \d of 2\)/ });
});

test('cancel ends a job whose operator never answers', async () => {
  const started = await startPipeline({ numbers, exchange: 'rebalance', middle: 'hangs', middleParallelism: 1 }, { engine: { cancelTimeoutMs: 300 } });
  await started.until(() => started.values<number>('middle', 'at').includes(500));
  await started.job.cancel();
  assert.equal((await started.job.finished).state, 'cancelled');
});

test('cancel ends a job whose thread is in an endless loop', async () => {
  const started = await startPipeline({ numbers, exchange: 'rebalance', middle: 'spins', middleParallelism: 1 }, { engine: { cancelTimeoutMs: 300 } });
  await started.until(() => started.values('numbers', 'read').length > 12);
  await started.job.cancel();
  assert.equal(started.job.state, 'cancelled');
});

test('a thread that builds another graph is told which operator differs', async () => {
  const started = await startJob('differing-job.js', {});
  await assert.rejects(started.job.finished, { code: 'GRAPH_DIFFERS', message: /operator middle differs: "main" in one graph, "thread" in the other/ });
});

test('a job that needs more threads than allowed is refused before anything starts', async () => {
  const start = startPipeline({ numbers, exchange: 'rebalance' }, { parallelism: 4, engine: { maxThreads: 7 } });
  await assert.rejects(start, { code: 'RESOURCE_EXHAUSTED', message: /needs 8 threads.*maxThreads/ });
});

test('metrics can be read while the job runs, with labels of operator and channel', async () => {
  const started = await startPipeline({ numbers: { ...numbers, pauseMs: 1, watermarks: true }, exchange: 'rebalance' });
  await started.until(() => started.values('sink', 'rows').length >= 5);
  const samples = started.job.metrics();
  const records = samples.find(({ name, labels }) => name === 'millrace_records_in_total' && labels['uid'] === 'sink');
  assert.deepEqual(records?.labels, { job: 'pipeline', subtask: '0', operator: 'sink', uid: 'sink' });
  assert.ok(records.value >= 5 * 50);
  assert.ok(samples.some(({ name }) => name === 'millrace_busy_seconds_total'));
  assert.ok(samples.some(({ name, labels }) => name === 'millrace_channel_used_bytes' && labels['exchange'] === 'rebalance'));
  assert.ok((started.job.status().operators.find(({ uid }) => uid === 'sink')?.watermark ?? -1) > 0);
  await started.job.cancel();
});

test('many jobs one after another leave no handle behind', async () => {
  const count = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort' || kind === 'Worker').length;
  const before = count();
  for (let run = 0; run < 25; run++) {
    const jobs = await Promise.all(Array.from({ length: 4 }, () => startPipeline({ numbers: { ...numbers, count: 100 } })));
    for (const { job } of jobs) assert.equal((await job.finished).state, 'finished');
  }
  assert.equal(count(), before);
});
