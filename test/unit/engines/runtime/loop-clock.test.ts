import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopClock } from '../../../../src/engines/runtime/loop-clock.js';
import { MetricsBlock, metricsBlockBytes } from '../../../../src/engines/runtime/metrics-block.js';

test('time under backpressure is known while the wait goes on', () => {
  const time = new LoopClock(new MetricsBlock(new SharedArrayBuffer(metricsBlockBytes), () => undefined).group({}));
  const startMs = time.start();
  time.waits('idle');
  assert.equal(time.backpressuredMs(startMs + 500), 0);
  const idleUntil = time.lap('idle');
  time.waits('backpressured');
  const nowMs = idleUntil + 500;
  assert.equal(time.backpressuredMs(nowMs), nowMs - idleUntil, 'to the last bit: times are fractions');
  const until = time.lap('backpressured');
  assert.equal(time.backpressuredMs(until + 500), until - idleUntil);
});
