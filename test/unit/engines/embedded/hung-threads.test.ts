import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HungThreads } from '../../../../src/engines/embedded/hung-threads.js';
import type { SubtaskHandle } from '../../../../src/engines/embedded/subtask-handle.js';
import { ManualClock } from '../../../../src/testing/manual-clock.js';

class FakeHandle {
  running = true;
  closed = false;
  beats: number | undefined = 0;

  constructor(readonly name: string) {}

  value(): number | undefined {
    return this.beats;
  }
}

function watched(...handles: FakeHandle[]): { readonly hung: string[]; look(times: number): void; stop(): void } {
  const clock = new ManualClock();
  const hung: string[] = [];
  const watch = new HungThreads(
    8_000,
    () => handles as unknown as SubtaskHandle[],
    (_handle, error) => hung.push(`${error.code} ${error.message}`),
    clock,
  );
  return {
    hung,
    look(times) {
      for (let i = 0; i < times; i++) clock.advance(1_000);
    },
    stop: () => watch.stop(),
  };
}

test('a thread that does not beat for longer than the limit hangs: said once, by name', () => {
  const [lives, hangs] = [new FakeHandle('map'), new FakeHandle('sink (subtask 2 of 3)')];
  const { hung, look } = watched(lives, hangs);
  for (let i = 0; i < 9; i++) {
    lives.beats = i;
    look(1);
  }
  assert.equal(hung.length, 0);
  lives.beats = 100;
  look(1);
  assert.equal(hung.length, 1);
  assert.match(hung[0] as string, /^THREAD_LOST sink \(subtask 2 of 3\): its thread hangs, .* for 8000 ms \(hangTimeout\)/);
  lives.beats = 101;
  look(5);
  assert.equal(hung.length, 1);
});

test('one beat in the limit is a sign of life', () => {
  const slow = new FakeHandle('slow');
  const { hung, look } = watched(slow);
  for (let i = 1; i < 5; i++) {
    look(8);
    slow.beats = i;
  }
  assert.equal(hung.length, 0);
});

test('who opens, has not begun to beat, or has closed is not watched, and nobody once the job ends', () => {
  const [opens, early, closed, late] = [new FakeHandle('opens'), new FakeHandle('early'), new FakeHandle('closed'), new FakeHandle('late')];
  opens.running = false;
  early.beats = undefined;
  closed.closed = true;
  const { hung, look, stop } = watched(opens, early, closed, late);
  look(5);
  stop();
  look(20);
  assert.equal(hung.length, 0);
});
