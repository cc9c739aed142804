import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../src/testing/index.js';

describe('ManualClock', () => {
  it('stands still until it is moved, and runs timers in order of time and then of making, each at its own time', () => {
    const clock = new ManualClock(1000);
    const ran: string[] = [];
    const note = (name: string) => () => void ran.push(`${name} at ${clock.now()}`);
    clock.after(30, note('late'));
    clock.after(10, note('first'));
    clock.after(10, note('second'));
    assert.equal(clock.now(), 1000);
    clock.advance(9);
    assert.deepEqual(ran, []);
    clock.advance(1);
    assert.deepEqual(ran, ['first at 1010', 'second at 1010']);
    clock.advanceTo(1100);
    assert.deepEqual(ran.slice(2), ['late at 1030']);
    assert.equal(clock.now(), 1100);
  });

  it('runs what a timer sets within the time passed, and never what was cancelled', () => {
    const clock = new ManualClock();
    const ran: number[] = [];
    const tick = (): void => {
      ran.push(clock.now());
      clock.after(20, tick);
    };
    clock.after(20, tick);
    const cancel = clock.after(25, () => assert.fail('was cancelled'));
    cancel();
    clock.advance(70);
    assert.deepEqual(ran, [20, 40, 60]);
    assert.equal(clock.pendingCount, 1);
  });

  it('runs a timer of a negative delay at the next move, and does not go back', () => {
    const clock = new ManualClock(50);
    const ran: number[] = [];
    clock.after(-10, () => ran.push(clock.now()));
    clock.advanceTo(20);
    assert.equal(clock.now(), 50);
    clock.advance(0);
    assert.deepEqual(ran, [50]);
  });
});
