import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Output } from '../../../../src/stream/subtask.js';
import { SplitTimes } from '../../../../src/stream/time/split-times.js';
import { ManualClock } from '../../../../src/testing/index.js';

function make(options: { readonly outOfOrdernessMs?: number; readonly idleMs?: number } = {}): { times: SplitTimes; clock: ManualClock; emitted: unknown[] } {
  const emitted: unknown[] = [];
  const output: Output = {
    emit: () => undefined,
    lend: () => true,
    emitWatermark: (watermark) => void emitted.push(watermark),
    emitIdle: (idle) => void emitted.push(idle ? 'idle' : 'active'),
    endOfPass: () => undefined,
    ready: () => undefined,
  };
  const clock = new ManualClock();
  return { times: new SplitTimes({ outOfOrdernessMs: options.outOfOrdernessMs ?? 0, idleMs: options.idleMs }, output, clock), clock, emitted };
}

test('the watermark is that of the split that is furthest behind, and never falls', () => {
  const { times, emitted } = make({ outOfOrdernessMs: 10 });
  times.add('a');
  times.add('b');
  times.observe('a', 1000);
  times.emit();
  assert.deepEqual(emitted, [], 'b has shown no record yet');
  times.observe('b', 500);
  times.emit();
  times.observe('b', 400);
  times.emit();
  times.observe('b', 2000);
  times.emit();
  assert.deepEqual(emitted, [489, 989]);
  times.end('a');
  times.emit();
  assert.deepEqual(emitted, [489, 989, 1989]);
});

test('a split without records for idleMs holds nothing back; without any other the subtask is idle', () => {
  const { times, clock, emitted } = make({ idleMs: 100 });
  times.add('a');
  times.add('b');
  times.observe('a', 1000);
  times.emit();
  assert.deepEqual(emitted, []);
  clock.advance(60);
  times.observe('a', 1100);
  assert.equal(times.nextIdleAt, clock.now() + 40);
  clock.advance(40);
  times.emit();
  assert.deepEqual(emitted, [1099]);
  clock.advance(60);
  times.emit();
  assert.deepEqual(emitted, [1099, 'idle']);
  assert.equal(times.nextIdleAt, Infinity);
  times.observe('b', 1050);
  times.emit();
  times.observe('b', 3000);
  times.emit();
  assert.deepEqual(emitted, [1099, 'idle', 'active', 2999]);
});

test('a subtask without splits is idle, and a restored split goes on at its newest time', () => {
  const { times, emitted } = make();
  times.emit();
  assert.deepEqual(emitted, ['idle']);
  times.add('a', 700);
  times.observe('a', 650);
  times.emit();
  assert.deepEqual(emitted, ['idle', 'active', 699]);
  assert.equal(times.newestOf('a'), 700);
});
