import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restartStrategy, type RestartSettings, type RestartStrategy } from '../../../../src/stream/restart-options.js';
import { assertExact, committedRows } from './support/committed.js';
import type { Pipeline } from './support/pipeline-job.js';
import { startPipeline } from './support/start.js';
import type { FailEvery } from './support/subtasks.js';

const keys = 97;
const count = 40_000;

function failing(failEvery: FailEvery, change: Partial<Pipeline> = {}): Pipeline {
  return {
    numbers: { count, splits: 6, batchRows: 50, keys, pauseMs: 1, watermarks: true },
    ...{ sourceParallelism: 2, exchange: 'hash', middle: 'count', middleParallelism: 2, sinkParallelism: 2, sinkExchange: 'rebalance', commits: true },
    failEvery,
    ...change,
  };
}

function restart(strategy: RestartStrategy): RestartSettings {
  return { otherwise: restartStrategy.parse(strategy), roles: {} };
}

const soon = restart({ strategy: 'fixedDelay', attempts: 3, delay: 1 });
const cuts = { everyMs: 10, store: undefined };

for (const how of ['throw', 'exit', 'spin'] as const) {
  test(`a subtask that ends by '${how}' takes the job back to its last cut, in place: each record counts once`, async () => {
    const plan: FailEvery = [
      { at: 4_000, how, afterCut: true },
      { at: 8_000, how, afterCut: true },
    ];
    // A thread that hangs is ended by force when the job goes back, because its neighbour threw.
    // Channels in which little lies: else the sources have read everything before another thread has started.
    const engine = { cancelTimeoutMs: 300, channelBytes: 64 * 1024 };
    const started = await startPipeline(failing(plan), { restart: soon, checkpoints: cuts, engine });
    const summary = await started.job.finished;
    assert.equal(summary.restarts, 2, JSON.stringify(started.logs));
    assert.equal(started.job.status().attempt, 2);
    assertExact(committedRows(started), count, keys);
    const read = started.values<number>('numbers', 'read').reduce((sum, rows) => sum + rows, 0);
    assert.ok(read < 2.5 * count, 'it went back to a cut, not to the beginning');
    const warnings = started.logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
    assert.equal(warnings.filter((message) => /^job restarts from cut \d+ in 1 ms/.test(message)).length, 2, warnings.join('\n'));
  });
}

test('before the first cut a job restarts from the beginning', async () => {
  const started = await startPipeline(failing([{ at: 2_000, how: 'throw' }]), { restart: soon, checkpoints: { everyMs: 60_000, store: undefined } });
  await started.job.finished;
  assertExact(committedRows(started), count, keys);
});

test('a job restarts after scaling as it was scaled, from the cut of the scaling', async () => {
  const started = await startPipeline(
    failing(
      [
        { at: count + 1, how: 'throw' },
        { at: 6_000, how: 'throw' },
      ],
      { numbers: { count, splits: 6, batchRows: 50, keys, pauseMs: 5, watermarks: true } },
    ),
    { restart: soon },
  );
  await started.until(() => started.values('numbers', 'read').length > 20);
  await started.job.scale('middle', 3);
  await started.job.finished;
  assert.equal(started.job.status().operators.find(({ uid }) => uid === 'middle')?.parallelism, 3);
  assert.equal(started.job.status().restarts, 1);
  assertExact(committedRows(started), count, keys);
});

test('where the limit is reached the job fails with the first cause', async () => {
  const plan: FailEvery = [4_000, 4_010, 4_020, 4_030, 4_040].map((at) => ({ at, how: 'throw' }));
  const started = await startPipeline(failing(plan), { restart: soon, checkpoints: cuts });
  await assert.rejects(started.job.finished, (error: Error & { code?: string; details?: Record<string, unknown> }) => {
    assert.equal(error.code, 'USER_FUNCTION');
    assert.match(
      error.message,
      /attempt 0 ends at 4000 \(restarted 3 times, the limit is 3 restarts; the last failure was: middle .*: attempt 3 ends at 4030\)/,
    );
    assert.equal(error.details?.['operator'], 'middle');
    return true;
  });
  assert.equal(started.job.state, 'failed');
});

test('a job that cannot open is not restarted', async () => {
  const started = await startPipeline({ ...failing([]), middle: 'failsToOpen' }, { restart: soon });
  await assert.rejects(started.job.finished, { code: 'USER_FUNCTION', message: /cannot open/ });
  assert.equal(started.job.status().restarts, 0);
});

test('cancel works while a job waits for its restart', async () => {
  const slow = restart({ strategy: 'fixedDelay', attempts: 3, delay: 60_000 });
  const started = await startPipeline(failing([{ at: 4_000, how: 'throw' }]), { restart: slow, checkpoints: cuts });
  while (started.job.state !== 'restarting') {
    assert.notEqual(started.job.state, 'failed');
    await new Promise(setImmediate);
  }
  await started.job.cancel();
  assert.equal(started.job.state, 'cancelled');
});

test('a thread that hangs is ended by force after hangTimeout, and restarts; without a strategy the job fails saying so', async () => {
  const pipeline = failing([{ at: 4_000, how: 'hang', afterCut: true }]);
  const started = await startPipeline(pipeline, { restart: soon, checkpoints: cuts, hangTimeoutMs: 4_000 });
  await started.job.finished;
  assertExact(committedRows(started), count, keys);
  assert.equal(started.job.status().restarts, 1);
  assert.match(started.job.status().error?.message ?? '', /^middle \(subtask 2 of 2\): its thread hangs, .* for 4000 ms \(hangTimeout\)/);
  const alone = await startPipeline(failing([{ at: 0, how: 'hang' }]), { hangTimeoutMs: 1_000 });
  await assert.rejects(alone.job.finished, { code: 'THREAD_LOST', message: /its thread hangs/ });
});
