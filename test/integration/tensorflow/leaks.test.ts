import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NativeSession, openSavedModelPredictor, type TensorValue } from '../../../src/tensorflow/index.js';
import { growthMiB } from './memory-growth.js';

const linear = fileURLToPath(new URL('../../../../test/fixtures/saved-models/linear', import.meta.url));

test('100,000 runs grow memory by less than 48 MiB', async (t) => {
  const predictor = await openSavedModelPredictor(linear);
  const rows = 64;
  // 50 MB if only the inputs leaked.
  const x: TensorValue = { dtype: 'float32', shape: [rows, 2], data: new Float32Array(rows * 2).fill(1) };
  const grown = await growthMiB(t, { warmUp: 5000, count: 95_000, limitMiB: 48 }, () => predictor.run({ x }));
  await predictor.close();
  assert.ok(grown < 48, `grew by ${grown.toFixed(1)} MiB`);
});

test('500 loads and releases grow memory by less than 64 MiB', async (t) => {
  const x: TensorValue = { dtype: 'float32', shape: [1, 2], data: new Float32Array([1, 2]) };
  const grown = await growthMiB(t, { warmUp: 50, count: 450, limitMiB: 64 }, async () => {
    const predictor = await openSavedModelPredictor(linear);
    await predictor.run({ x });
    await predictor.close();
  });
  assert.ok(grown < 64, `grew by ${grown.toFixed(1)} MiB`);
});

test('20,000 refused runs and 20,000 runs over long strings grow memory by less than 48 MiB', async (t) => {
  const { GraphDefBuilder } = await import('../../../src/tensorflow/index.js');
  const graph = new GraphDefBuilder();
  graph.placeholder('text', 'string', [-1]);
  graph.add({ name: 'length', op: 'StringLength', inputs: ['text'] });
  graph.identity('same', 'text', 'string');
  const session = await NativeSession.fromGraphDef(graph.serialize());
  const long: TensorValue = { dtype: 'string', shape: [4], data: Array.from({ length: 4 }, () => 'x'.repeat(1000)) };
  const wrong: TensorValue = { dtype: 'float32', shape: [1024], data: new Float32Array(1024) };
  const grown = await growthMiB(t, { warmUp: 1000, count: 20_000, limitMiB: 48 }, async () => {
    await session.run({ text: long }, ['length', 'same']);
    await assert.rejects(session.run({ text: wrong }, ['length']));
  });
  await session.close();
  assert.ok(grown < 48, `grew by ${grown.toFixed(1)} MiB`);
});
