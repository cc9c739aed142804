import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Predictions } from '../../../examples/flight-delays/predictions.js';

function add(predictions: Predictions, from: number, to: number): void {
  for (let i = from; i < to; i++) predictions.add(1e12 + i, i % 3 === 0, i / 65_536);
}

test('a checkpoint holds the predictions before it, whatever comes later', () => {
  for (const count of [0, 1, 16_384, 16_385, 50_000]) {
    const predictions = new Predictions();
    add(predictions, 0, count);
    const held = predictions.snapshot();
    add(predictions, count, count + 20_000);
    const restored = new Predictions();
    for (const bytes of held) restored.restore(bytes);
    assert.equal(restored.length, count);
    add(restored, count, count + 20_000);
    assert.deepEqual(restored.columns(), predictions.columns());
  }
});

test('state of another version is refused', () => {
  assert.throws(() => new Predictions().restore(new Uint8Array(16)), /version 0, 1 is read/);
});
