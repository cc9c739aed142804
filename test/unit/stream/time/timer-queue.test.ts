import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TimerQueue } from '../../../../src/stream/time/timer-queue.js';

const command = fc.record({
  kind: fc.constantFrom('add', 'add', 'delete', 'pop'),
  time: fc.oneof(fc.integer({ min: -5, max: 20 }), fc.constantFrom(1.5, 1_700_000_000_000, -1_700_000_000_000)),
  slot: fc.integer({ min: 0, max: 6 }),
});

describe('TimerQueue', () => {
  it('is a sorted set of (time, slot)', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const queue = new TimerQueue();
        const model = new Map<string, { time: number; slot: number }>();
        for (const { kind, time, slot } of commands) {
          const id = `${time} ${slot}`;
          if (kind === 'add') {
            assert.equal(queue.add(time, slot), !model.has(id));
            model.set(id, { time, slot });
          } else if (kind === 'delete') {
            assert.equal(queue.delete(time, slot), model.delete(id));
          } else if (queue.size > 0) {
            assert.ok(model.delete(`${queue.earliest} ${queue.earliestSlot}`));
            queue.pop();
          }
          assert.equal(queue.size, model.size);
          assert.equal(queue.earliest, Math.min(...[...model.values()].map((timer) => timer.time)));
          for (let s = 0; s < 7; s++) assert.equal(queue.countOf(s), [...model.values()].filter((timer) => timer.slot === s).length);
        }
        const left: string[] = [];
        queue.forEach((time, slot) => left.push(`${time} ${slot}`));
        assert.deepEqual(left.sort(), [...model.keys()].sort());
      }),
    );
  });
});
