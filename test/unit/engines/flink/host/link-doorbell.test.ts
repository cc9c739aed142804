import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkDoorbell } from '../../../../../src/engines/flink/host/link-doorbell.js';
import { attachDoorbell } from '../../../../../src/memory/doorbell.js';

const longMs = 60_000;

/** 'woken' or 'asleep', when everything else that was due has happened. */
async function state(wait: Promise<void>): Promise<string> {
  const turn = new Promise<string>((resolve) => setImmediate(() => setImmediate(() => resolve('asleep'))));
  return Promise.race([wait.then(() => 'woken'), turn]);
}

test('its own thread wakes it, and a ring before the wait is not lost', async () => {
  const bell = new LinkDoorbell();
  const asleep = bell.wait(bell.epoch, longMs);
  assert.equal(await state(asleep), 'asleep');
  bell.ring();
  assert.equal(await state(asleep), 'woken');
  const seen = bell.epoch;
  bell.ring();
  assert.equal(await state(bell.wait(seen, longMs)), 'woken');
});

test('another thread wakes it where it listens, once', async () => {
  const bell = new LinkDoorbell();
  const other = attachDoorbell(bell.memory);
  const seen = bell.epoch;
  bell.listen();
  const listening = bell.wait(seen, longMs);
  assert.equal(await state(listening), 'asleep');
  other.ring();
  await listening;
  // Nobody has asked for it again: it is seen at the next look.
  const before = bell.epoch;
  const deaf = bell.wait(before, longMs);
  other.ring();
  assert.equal(await state(deaf), 'asleep');
  assert.notEqual(bell.epoch, before);
  bell.ring();
  await deaf;
});

test("another thread's ring between the look and the wait is not lost", async () => {
  const bell = new LinkDoorbell();
  const seen = bell.epoch;
  attachDoorbell(bell.memory).ring();
  bell.listen();
  assert.equal(await state(bell.wait(seen, longMs)), 'woken');
});

test('a wait that its own thread ends leaves nobody behind, and a wait ends by itself', async () => {
  const bell = new LinkDoorbell();
  for (let i = 0; i < 3; i++) {
    const seen = bell.epoch;
    bell.listen();
    const wait = bell.wait(seen, longMs);
    bell.ring();
    await wait;
  }
  assert.equal(Atomics.notify(new Int32Array(bell.memory), 0), 0);
  bell.listen();
  await bell.wait(bell.epoch, 1);
});
