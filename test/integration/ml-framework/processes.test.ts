import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { MillraceError } from '../../../src/core/index.js';
import type { RunningJob } from '../../../src/stream/engine.js';
import { assertOnce, startTraining, type StartedTraining as Started } from './support/start-training.js';

function start(given: Record<string, unknown>): Promise<Started> {
  return startTraining({ workers: 2, servers: 2, mode: 'bsp', isolation: 'process', ...given });
}

function pidsOf(job: RunningJob, role: string): readonly number[] {
  return job.status().operators.find((operator) => operator.role === role)?.pids ?? [];
}

function allPids(job: RunningJob): readonly number[] {
  return ['am', 'worker', 'ps'].flatMap((role) => pidsOf(job, role));
}

function assertGone(pids: readonly number[]): void {
  assert.deepEqual(
    pids.filter((pid) => existsSync(`/proc/${pid}`)),
    [],
    'processes left behind',
  );
}

async function progress({ job, predictions }: Started, rows: number): Promise<void> {
  const enough = predictions.rows.length + rows;
  while (predictions.rows.length < enough && job.state !== 'finished' && job.state !== 'failed')
    await Promise.race([job.finished, new Promise((resolve) => setTimeout(resolve, 20))]);
}

describe('train in processes', () => {
  for (const delayMs of [0, 100_000]) {
    it(`predicts and learns the same bit by bit as in threads${delayMs > 0 ? ', late labels' : ''}`, { timeout: 120_000 }, async () => {
      const results = [];
      for (const isolation of ['thread', 'process']) {
        const started = await start({ records: 4_000, delayMs, isolation });
        const pids = allPids(started.job);
        assert.equal(new Set(pids).size, isolation === 'process' ? 5 : 0);
        const summary = await started.job.finished;
        assertOnce(started, 4_000);
        assertGone(pids);
        const worker = summary.operators.find(({ role }) => role === 'worker');
        results.push({
          predictions: [...started.predictions.rows].sort((a, b) => a.n - b.n).map(({ n, probability }) => [n, probability]),
          counted: [worker?.recordsIn, worker?.recordsOut],
        });
      }
      assert.deepEqual(results[1], results[0]);
    });
  }

  it('uses each record once while workers and parameter servers are scaled', { timeout: 120_000 }, async () => {
    const started = await start({ records: 10_000_000, servers: 1, delayMs: 60_000, ratePerSecond: 2_500 });
    const { job } = started;
    await progress(started, 1_000);
    const before = allPids(job);
    await job.scale('worker', 3);
    assert.equal(pidsOf(job, 'worker').length, 3);
    await progress(started, 500);
    await job.scale('ps', 2);
    await progress(started, 500);
    await job.scale('worker', 1);
    await progress(started, 500);
    const after = allPids(job);
    await job.stop();
    assertOnce(started, started.predictions.rows.length);
    assertGone([...before, ...after]);
  });

  it('ends with the error of a node as it does in a thread', { timeout: 60_000 }, async () => {
    const { job } = await start({ records: 4_000, learningRate: 1e38 });
    const pids = allPids(job);
    await assert.rejects(job.finished, (error: MillraceError) => {
      assert.equal(error.code, 'LOSS_NOT_FINITE', error.stack);
      assert.match(error.message, /worker [01] of cluster .*loss.* is (NaN|Infinity) at step \d+/);
      return true;
    });
    assertGone(pids);
  });

  for (const [role, signal] of [
    ['worker', 'SIGSEGV'],
    ['ps', 'SIGKILL'],
    ['am', 'SIGKILL'],
  ] as const) {
    it(`ends with THREAD_LOST naming role, process and signal when a ${role} process gets ${signal}`, { timeout: 60_000 }, async () => {
      const started = await start({ records: 10_000_000, workers: 1, servers: 1, ratePerSecond: 2_000 });
      await progress(started, 200);
      const pids = allPids(started.job);
      const [pid] = pidsOf(started.job, role) as [number];
      process.kill(pid, signal);
      const killedMs = performance.now();
      await assert.rejects(started.job.finished, (error: MillraceError) => {
        assert.equal(error.code, 'THREAD_LOST', error.stack);
        assert.match(error.message, new RegExp(`${role}.*: its process ${pid} \\(role ${role}\\) was ended by ${signal}`));
        assert.deepEqual([error.details['role'], error.details['pid'], error.details['signal']], [role, pid, signal]);
        return true;
      });
      assert.ok(performance.now() - killedMs < 10_000);
      assertGone(pids);
    });
  }

  it('leaves no process behind when the job is cancelled, also one that is stopped by a signal', { timeout: 60_000 }, async () => {
    const started = await start({ records: 10_000_000, workers: 1, servers: 1, ratePerSecond: 2_000 });
    await progress(started, 200);
    const pids = allPids(started.job);
    process.kill(pids[1]!, 'SIGSTOP');
    await started.job.cancel();
    assertGone(pids);
  });
});
