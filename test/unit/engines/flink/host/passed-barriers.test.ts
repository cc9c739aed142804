import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PassedBarriers } from '../../../../../src/engines/flink/host/passed-barriers.js';

function barriers(lanes: number): { readonly it: PassedBarriers; readonly said: number[] } {
  const said: number[] = [];
  return { it: new PassedBarriers(lanes, (cut) => said.push(cut)), said };
}

test('a barrier has passed when all lanes have reached it and all operators have frozen, in whatever order', () => {
  const { it, said } = barriers(2);
  it.reached(1);
  it.frozen(1);
  assert.deepEqual([said, it.decided], [[], -1]);
  it.reached(1);
  assert.deepEqual([said, it.decided], [[1], 1]);
  it.reached(2);
  it.reached(2);
  assert.deepEqual(said, [1]);
  it.frozen(2);
  assert.deepEqual(said, [1, 2]);
});

test('without lanes the operators alone decide', () => {
  const { it, said } = barriers(0);
  it.frozen(7);
  assert.deepEqual(said, [7]);
});

test('a declined barrier is decided: what still comes of it is not waited for', () => {
  const { it, said } = barriers(2);
  it.reached(3);
  assert.equal(it.declined(3), true);
  assert.equal(it.decided, 3);
  it.reached(3);
  it.frozen(3);
  assert.deepEqual(said, []);
  it.reached(4);
  it.reached(4);
  it.frozen(4);
  assert.deepEqual(said, [4]);
  assert.equal(it.declined(4), false, 'it had passed');
});
