import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Predictions } from '../../../examples/flight-delays/predictions.js';

function add(predictions: Predictions, from: number, to: number): void {
  for (let i = from; i < to; i++) predictions.add(1e9 + i, i % 3 === 0, i / 65_536);
}

/** The last of them, as they were added. */
function expected(length: number, lastShare: number): ReturnType<Predictions['tail']> {
  const rows = Array.from({ length }, (_, i) => i).slice(Math.floor(length * (1 - lastShare)));
  return { late: rows.map((i) => i % 3 === 0), probabilities: rows.map((i) => i / 65_536) };
}

const lastShare = 0.25;

test('the last share of the stream is there, and little more is held', () => {
  for (const count of [1, 16_384, 100_000, 300_000]) {
    const predictions = new Predictions(lastShare);
    add(predictions, 0, count);
    assert.equal(predictions.length, count);
    assert.deepEqual(predictions.tail(), expected(count, lastShare));
    const held = predictions.snapshot().reduce((bytes, piece) => bytes + piece.length, 0);
    assert.ok(held <= 9 * (count * lastShare + 3 * 16_384) + 1_000, `${held} bytes for ${count}`);
  }
});

test('a checkpoint holds the predictions before it, whatever comes later', () => {
  for (const count of [0, 1, 16_384, 16_385, 100_000]) {
    const predictions = new Predictions(lastShare);
    add(predictions, 0, count);
    const held = predictions.snapshot();
    add(predictions, count, count + 20_000);
    const restored = new Predictions(lastShare);
    for (const bytes of held) restored.restore(bytes);
    assert.equal(restored.length, count);
    add(restored, count, count + 20_000);
    assert.deepEqual(restored.tail(), expected(count + 20_000, lastShare));
  }
});

test('predictions in another order than that of their times are no reason to count the wrong ones', () => {
  const predictions = new Predictions(lastShare);
  add(predictions, 50_000, 100_000);
  add(predictions, 0, 50_000);
  assert.throws(() => predictions.tail(), /the last 25000 predictions lie further apart/);
});

test('state of another version is refused', () => {
  assert.throws(() => new Predictions(lastShare).restore(new Uint8Array(25)), /version 0, 2 is read/);
});
