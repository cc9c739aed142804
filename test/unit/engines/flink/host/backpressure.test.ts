import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backpressure, backpressuredSeconds } from '../../../../../src/engines/flink/host/backpressure.js';
import { LoopClock } from '../../../../../src/engines/runtime/loop-clock.js';
import { MetricsBlock, metricsBlockBytes } from '../../../../../src/engines/runtime/metrics-block.js';
import type { MetricEntry } from '../../../../../src/engines/runtime/protocol.js';

test('it is on where more than half of the time was spent waiting, and only changes are told', () => {
  const told: boolean[] = [];
  const pressure = new Backpressure(1_000, (isOn) => told.push(isOn));
  pressure.look(1_200, 0.1);
  assert.deepEqual(told, [], 'half is not more than half');
  pressure.look(1_400, 0.25);
  pressure.look(1_600, 0.45);
  assert.deepEqual(told, [true]);
  pressure.look(1_800, 0.5);
  assert.deepEqual(told, [true, false]);
});

test('the seconds are those of the loop', () => {
  const memory = new SharedArrayBuffer(metricsBlockBytes);
  const entries: MetricEntry[] = [];
  assert.equal(backpressuredSeconds(entries, new Float64Array(memory)), 0);
  const time = new LoopClock(new MetricsBlock(memory, (entry) => entries.push(entry)).group({}));
  time.start();
  for (const end = performance.now() + 2; performance.now() < end;);
  time.lap('idle');
  for (const end = performance.now() + 2; performance.now() < end;);
  time.lap('backpressured');
  const seconds = backpressuredSeconds(entries, new Float64Array(memory));
  assert.ok(seconds >= 0.002 && seconds === new Float64Array(memory)[entries.find(({ name }) => name === 'backpressured_seconds_total')?.at ?? -1]);
});
