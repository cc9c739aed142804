import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backpressure } from '../../../../../src/engines/flink/host/backpressure.js';

test('it is on where more than half of the time was spent waiting, and only changes are told', () => {
  const told: boolean[] = [];
  const pressure = new Backpressure(1_000, (isOn) => told.push(isOn));
  pressure.look(1_200, 100);
  assert.deepEqual(told, [], 'half is not more than half');
  pressure.look(1_400, 250);
  pressure.look(1_600, 450);
  assert.deepEqual(told, [true]);
  pressure.look(1_800, 500);
  assert.deepEqual(told, [true, false]);
});
