import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MillraceError } from '../../../src/core/index.js';
import { assertOnce, startTraining as start, type Prediction, type StartedTraining as Started } from './support/start-training.js';

/** The model has learned something over the second half. */
function assertLearned({ predictions }: Started): void {
  const late = predictions.rows.slice(predictions.rows.length / 2);
  const right = late.filter(({ label, probability }) => label === probability > 0.5).length;
  assert.ok(right / late.length > 0.8, `${right} of ${late.length} right`);
}

const shapes = [
  { workers: 1, servers: 0, mode: 'bsp' },
  { workers: 1, servers: 1, mode: 'asp' },
  { workers: 2, servers: 1, mode: 'bsp' },
  { workers: 3, servers: 2, mode: 'asp' },
] as const;

describe('train on the embedded engine', () => {
  for (const { workers, servers, mode } of shapes) {
    // Late labels where there are several workers to get them wrong, and in the plainest case.
    for (const delayMs of servers === 1 && workers === 1 ? [0] : [100_000]) {
      it(
        `learns each record once with ${workers} workers and ${servers} parameter servers, ${mode}${delayMs > 0 ? ', late labels' : ''}`,
        { timeout: 120_000 },
        async () => {
          const records = 4_000;
          const started = await start({ records, workers, servers, mode, delayMs });
          const summary = await started.job.finished;
          assert.equal(summary.state, 'finished');
          assertOnce(started, records);
          assertLearned(started);
        },
      );
    }
  }

  for (const mode of ['bsp', 'asp'] as const) {
    it(`uses each record once while workers and parameter servers are scaled, ${mode}`, { timeout: 120_000 }, async () => {
      const started = await start({ records: 10_000_000, workers: 2, servers: 1, mode, delayMs: 60_000, ratePerSecond: 2_500 });
      const progress = async (rows: number): Promise<void> => {
        const enough = started.predictions.rows.length + rows;
        while (started.predictions.rows.length < enough && started.job.state !== 'finished')
          await Promise.race([started.job.finished, new Promise((resolve) => setTimeout(resolve, 20))]);
      };
      await progress(1_000);
      await started.job.scale('worker', 3);
      assert.equal(started.job.status().operators.find(({ role }) => role === 'worker')?.parallelism, 3);
      await progress(1_000);
      await started.job.scale('ps', 2);
      await progress(1_000);
      await started.job.scale('worker', 1);
      await progress(1_000);
      await started.job.stop();
      assertOnce(started, started.predictions.rows.length);
      assertLearned(started);
    });
  }

  for (const delayMs of [0, 60_000]) {
    it(
      `sends records that the model cannot read to the dead letters and learns the others once${delayMs > 0 ? ', late labels' : ''}`,
      { timeout: 60_000 },
      async () => {
        const started = await start({ records: 1_000, workers: 2, servers: 1, mode: 'bsp', delayMs, badEvery: 100 });
        await started.job.finished;
        const bad = Array.from({ length: 10 }, (_, i) => i * 100);
        assert.deepEqual(
          started.deadLetters.rows.map(({ record }) => (JSON.parse(record) as Prediction).n),
          bad,
        );
        assert.deepEqual(
          started.deadLetters.rows.map(({ position }) => position),
          bad.map((n) => `record ${n} of subtask 0`),
        );
        assert.match(started.deadLetters.rows[0]!.cause, /column 'x': NaN/);
        assert.deepEqual(
          started.predictions.rows.map(({ n }) => n).sort((a, b) => a - b),
          Array.from({ length: 1_000 }, (_, n) => n).filter((n) => n % 100 !== 0),
        );
        assert.equal(
          started.metrics.rows.reduce((sum, { examples }) => sum + examples, 0),
          990,
        );
      },
    );
  }

  it("ends with RECORD_MALFORMED at a record that the model cannot read where onBadRecord is 'fail'", { timeout: 60_000 }, async () => {
    const { job } = await start({ records: 1_000, workers: 1, servers: 0, mode: 'asp', badEvery: 700, onBadRecord: 'fail' });
    await assert.rejects(job.finished, { code: 'RECORD_MALFORMED', message: /batches: record 0 of subtask 0: model \w+: column 'x': NaN.*"n":0/ });
  });

  it('ends with LOSS_NOT_FINITE naming node, step and loss', { timeout: 60_000 }, async () => {
    const { job } = await start({ records: 4_000, workers: 2, servers: 1, mode: 'bsp', learningRate: 1e38 });
    await assert.rejects(job.finished, (error: MillraceError) => {
      assert.equal(error.code, 'LOSS_NOT_FINITE', error.stack);
      assert.match(error.message, /worker [01] of cluster .*loss.* is (NaN|Infinity) at step \d+/);
      return true;
    });
  });

  it('stops early without losing what was read', { timeout: 60_000 }, async () => {
    const started = await start({ records: 1_000_000, workers: 2, servers: 1, mode: 'asp', ratePerSecond: 2_000 });
    while (started.predictions.rows.length < 500) await Promise.race([started.job.finished, new Promise((resolve) => setTimeout(resolve, 20))]);
    await started.job.stop();
    assertOnce(started, started.predictions.rows.length);
  });
});
