import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTrainStep, loadTfjs, trace, type TensorValue } from '../../../src/tensorflow/index.js';
import type { Tensor } from '../../../src/tensorflow/model/tfjs-types.js';
import { growthMiB } from './memory-growth.js';

const tf = await loadTfjs();

test('100,000 calls of a traced function and of a step grow memory by less than 48 MiB', async (t) => {
  const rows = 64;
  // 50 MB if only the inputs, or only the results, leaked.
  const value = (width: number): TensorValue => ({ dtype: 'float32', shape: [rows, width], data: new Float32Array(rows * width).fill(1) });
  const [x, y] = [value(2), value(1)];
  const v = tf.variable(tf.ones([2]));
  const double = await trace((input: Tensor) => tf.mul(input, v), x as never);
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  const step = await compileTrainStep(model, 'meanSquaredError', tf.train.adam(1e-3));
  const run = double as never as { sync(input: TensorValue): Tensor; values(input: TensorValue): Promise<unknown> };
  const tensors = tf.memory().numTensors;
  const works: ((i: number) => unknown)[] = [
    () => run.sync(x).dispose(),
    () => run.values(x),
    () => step.valuesSync(x, y),
    (i) => {
      // Assigned here, then moved there and read back: both ways of a variable.
      if (i % 10 === 0) tf.tidy(() => v.assign(tf.ones([2])));
      if (i % 10 === 5) model.weights[0]!.read().dataSync();
      return step.values(x, y);
    },
  ];
  const grown = await growthMiB(t, { warmUp: 6000, count: 100_000, limitMiB: 48 }, (i) => works[i % works.length]!(i));
  assert.equal(tf.memory().numTensors - tensors, 0);
  assert.ok(grown < 48, `grew by ${grown.toFixed(1)} MiB`);
  await double.close();
  await step.close();
  model.dispose();
  v.dispose();
});

test('500 models, compiled, trained and closed, grow memory by less than 64 MiB', async (t) => {
  const value = (width: number): TensorValue => ({ dtype: 'float32', shape: [8, width], data: new Float32Array(8 * width).fill(1) });
  let tensors: number | undefined;
  const grown = await growthMiB(t, { warmUp: 40, count: 460, limitMiB: 64 }, async () => {
    // 64 KiB of weights and as much of each moment: 90 MB if a session's variables leaked.
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 128, inputShape: [128], kernelInitializer: 'zeros' })] });
    const optimizer = tf.train.adam(1e-3);
    const step = await compileTrainStep(model, 'meanSquaredError', optimizer);
    await step.values(value(128), value(128));
    await step.close();
    optimizer.dispose();
    model.dispose();
    assert.equal(tf.memory().numTensors, (tensors ??= tf.memory().numTensors));
  });
  assert.ok(grown < 64, `grew by ${grown.toFixed(1)} MiB`);
});
