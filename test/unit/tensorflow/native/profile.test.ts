import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMillraceError } from '../../../../src/core/index.js';
import { denseModel, f32 } from '../export/exported-models.js';

test('a measured run gives its results and the time of every node that ran', async () => {
  const session = await denseModel().graph.open();
  const prepared = session.prepare(['x'], ['dense/sigmoid']);
  const feeds = [f32([1, 2], 0.3, 0)];
  const { results, profile } = await prepared.profile(feeds);
  assert.deepEqual(results, [f32([1, 1], 0.5)]);
  const sigmoid = profile.nodes.find(({ node }) => node === 'dense/sigmoid');
  assert.ok(sigmoid, profile.nodes.map(({ node }) => node).join(' '));
  assert.match(sigmoid.op, /Sigmoid|FusedMatMul/);
  assert.match(sigmoid.device, /CPU:0$/);
  assert.ok(sigmoid.micros > 0);
  const starts = profile.nodes.map(({ startMicros }) => startMicros);
  assert.deepEqual(
    starts,
    starts.toSorted((a, b) => a - b),
  );
  assert.equal(starts[0], 0);
  assert.ok(profile.runMetadata.byteLength > 0);
  await session.close();
});

test('a measured run that fails is an error like any other, and the session goes on', async () => {
  const session = await denseModel().graph.open();
  const prepared = session.prepare(['x'], ['dense/sigmoid']);
  await assert.rejects(prepared.profile([f32([1, 3], 1, 2, 3)]), (thrown: unknown) => isMillraceError(thrown) && thrown.code === 'TENSORFLOW');
  assert.deepEqual(await prepared.run([f32([1, 2], 0.3, 0)]), [f32([1, 1], 0.5)]);
  await session.close();
});
