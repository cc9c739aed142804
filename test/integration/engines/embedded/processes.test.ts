import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { restartStrategy } from '../../../../src/stream/restart-options.js';
import { assertExact, committedRows } from './support/committed.js';
import type { Pipeline } from './support/pipeline-job.js';
import { startPipeline, type Started } from './support/start.js';
import type { FailEvery } from './support/subtasks.js';

const keys = 97;
const count = 40_000;
const everywhere = ['numbers', 'middle', 'sink'] as const;

function counting(isolated: NonNullable<Pipeline['isolated']>, change: Partial<Pipeline> = {}): Pipeline {
  return {
    numbers: { count, splits: 6, batchRows: 50, keys, pauseMs: 1, watermarks: true },
    ...{ sourceParallelism: 2, exchange: 'hash', middle: 'count', middleParallelism: 2, sinkParallelism: 2, sinkExchange: 'rebalance', commits: true },
    isolated,
    ...change,
  };
}

function pidsOf({ job }: Started): readonly number[] {
  return job.status().operators.flatMap(({ pids }) => pids ?? []);
}

function assertGone(pids: readonly number[]): void {
  assert.ok(pids.length > 0);
  assert.deepEqual(
    pids.filter((pid) => existsSync(`/proc/${pid}`)),
    [],
    'processes left behind',
  );
}

const restart = { otherwise: restartStrategy.parse({ strategy: 'fixedDelay', attempts: 3, delay: 1 }), roles: {} };

for (const how of ['throw', 'exit', 'kill', 'spin'] as const) {
  test(`a process that ends by '${how}' takes the job back to its last cut: each record counts once`, async () => {
    const failEvery: FailEvery = [
      { at: 4_000, how, afterCut: true },
      { at: 8_000, how, afterCut: true },
    ];
    // Channels in which little lies: else the sources have read everything before the next processes have started.
    const engine = { cancelTimeoutMs: 300, channelBytes: 64 * 1024 };
    const started = await startPipeline(counting(['middle'], { failEvery }), { restart, checkpoints: { everyMs: 10, store: undefined }, engine });
    const pids = pidsOf(started);
    const summary = await started.job.finished;
    assert.equal(summary.restarts, 2, JSON.stringify(started.logs));
    assertExact(committedRows(started), count, keys);
    assertGone(pids);
  });
}

test('operators that are all in processes are scaled with much state, and count each record once', { timeout: 60_000 }, async () => {
  // Some 60 key groups have state: 30 MB of it go to the main process and to others.
  const started = await startPipeline(counting(everywhere, { paddingBytes: 512 * 1024 }));
  const before = pidsOf(started);
  assert.equal(new Set(before).size, 6);
  await started.until(() => started.values('numbers', 'read').length > 20);
  await started.job.scale('middle', 3);
  const after = pidsOf(started);
  assert.equal(new Set(after).size, 7);
  const { operators } = await started.job.finished;
  assertExact(committedRows(started), count, keys);
  assert.deepEqual(
    operators.map(({ uid, recordsIn, recordsOut }) => [uid, recordsIn, recordsOut]),
    [
      ['numbers', 0, count],
      ['middle', count, count],
      ['sink', count, 0],
    ],
  );
  assertGone([...before, ...after]);
});

test('a consumer that takes nothing holds a source in another process back, and both can be cancelled', { timeout: 60_000 }, async () => {
  const numbers = { count: 100_000_000, splits: 1, batchRows: 50, keys };
  const engine = { cancelTimeoutMs: 300, channelBytes: 64 * 1024 };
  const started = await startPipeline({ numbers, exchange: 'rebalance', middle: 'hangs', middleParallelism: 1, isolated: ['numbers', 'sink'] }, { engine });
  const pids = pidsOf(started);
  await started.until(() => started.values<number>('middle', 'at').includes(500));
  const read = (): number => started.values('numbers', 'read').length;
  let last = 0;
  // Once the channel is full not one more batch is read; a metric says so.
  const blocked = (): boolean => (started.job.status().operators.find(({ uid }) => uid === 'numbers')?.backpressured ?? 0) > 0.9;
  const used = (): number =>
    started.job.metrics().find(({ name, labels }) => name === 'millrace_channel_used_bytes' && labels['exchange'] === 'rebalance')?.value ?? 0;
  while (!blocked() || used() === 0 || read() !== last) {
    last = read();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.ok(last < 200, `${last} batches`);
  assert.ok(used() > 32 * 1024 && used() <= 64 * 1024, String(used()));
  await started.job.cancel();
  assert.equal(started.job.state, 'cancelled');
  assertGone(pids);
});
