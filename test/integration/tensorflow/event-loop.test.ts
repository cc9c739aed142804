import assert from 'node:assert/strict';
import { it } from 'node:test';
import { t } from '../../../src/memory/schema.js';
import { dense, defineModel, numeric, sgd } from '../../../src/tensorflow/model/index.js';
import { rowsBatch } from '../../unit/tensorflow/model/rows.js';

/** Steps of this take some hundred milliseconds each. */
const wide = defineModel({
  inputs: { v: numeric({ size: 1024 }) },
  label: { y: t.bool() },
  build: ({ v }) => ({ p: dense(1, 'sigmoid', dense(2048, 'relu', dense(2048, 'relu', v))) }),
  loss: 'binaryCrossentropy',
  optimizer: sgd(0.1),
});

const schema = { v: t.vector(1024), y: t.bool() };
const batch = rowsBatch(
  schema,
  Array.from({ length: 512 }, (_, i) => ({ v: Float32Array.from({ length: 1024 }, (_unused, k) => Math.sin(i + k)), y: i % 2 === 0 })),
);

/** Ticks of a timer of 1 ms, and the longest time without one, while `work` runs. */
async function ticksDuring(work: () => Promise<unknown>): Promise<{ readonly count: number; readonly longestMs: number; readonly tookMs: number }> {
  let count = 0;
  let longestMs = 0;
  const started = performance.now();
  let last = started;
  const timer = setInterval(() => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
    count++;
  }, 1);
  await work();
  clearInterval(timer);
  return { count, longestMs: Math.max(longestMs, performance.now() - last), tookMs: performance.now() - started };
}

it('timers of the thread go on during a traced training step, and stand still during an eager one', async () => {
  const traced = await wide.openTraining({ seed: 1 });
  const eager = await wide.openTraining({ seed: 1, execution: 'eager' });
  for (const session of [traced, eager]) await session.gradients(batch);
  const free = await ticksDuring(() => traced.gradients(batch));
  const blocked = await ticksDuring(() => eager.gradients(batch));
  // Encoding the batch and taking the results out is JavaScript's; the step itself is not.
  assert.ok(free.count > 0 && free.longestMs < free.tookMs / 2, `traced: ${JSON.stringify(free)}`);
  assert.equal(blocked.count, 0, `eager: ${JSON.stringify(blocked)}`);
  await traced.close();
  await eager.close();
});
