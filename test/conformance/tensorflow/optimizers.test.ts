import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileTrainStep, loadTfjs, type TrainStepOptions } from '../../../src/tensorflow/index.js';
import type { LayersModel, Optimizer, Tensor } from '../../../src/tensorflow/model/tfjs-types.js';
import { assertClose, numbersOf } from './close.js';
import { numbers, setSeededWeights } from './seeded.js';

const tf = await loadTfjs();
const steps = 10;
/** None was traced, and none is 1: a batch normalization of one row has gradients of rounding alone, which some of these divide by their own size. */
const rowsOf = (step: number): number => [16, 4, 33, 7][step % 4]!;

const optimizers: Readonly<Record<string, () => Optimizer>> = {
  'SGD': () => tf.train.sgd(0.1),
  'Momentum': () => tf.train.momentum(0.05, 0.9),
  'Momentum of Nesterov': () => tf.train.momentum(0.05, 0.9, true),
  'Adagrad': () => tf.train.adagrad(0.1),
  'Adagrad from an accumulator of 0': () => tf.train.adagrad(0.1, 0),
  'Adam': () => tf.train.adam(0.01),
  'Adam with other betas and epsilon': () => tf.train.adam(0.01, 0.8, 0.99, 1e-3),
  'RMSProp': () => tf.train.rmsprop(0.01),
  'RMSProp, centered': () => tf.train.rmsprop(0.01, 0.9, 0, 1e-9, true),
  'RMSProp with momentum': () => tf.train.rmsprop(0.01, 0.9, 0.5),
  'RMSProp, centered, with momentum': () => tf.train.rmsprop(0.01, 0.9, 0.5, 1e-9, true),
  'Adadelta': () => tf.train.adadelta(0.5),
  'Adamax': () => tf.train.adamax(0.01),
  'Adamax with decay': () => tf.train.adamax(0.01, 0.9, 0.999, 1e-7, 0.1),
}; // prettier-ignore

function modelOf(): LayersModel {
  const layers = [tf.layers.dense({ units: 6, activation: 'tanh', inputShape: [4] }), tf.layers.batchNormalization(), tf.layers.dense({ units: 2 })];
  const model = tf.sequential({ layers });
  setSeededWeights(tf, model, 4);
  return model;
}

function batch(step: number): { readonly x: Tensor; readonly y: Tensor } {
  const rows = rowsOf(step);
  return { x: tf.tensor(numbers(rows * 4, step), [rows, 4]), y: tf.tensor(numbers(rows * 2, step + 100), [rows, 2]) };
}

/** Weights after ten steps, the learning rate changed after half of them. */
async function eager(make: () => Optimizer): Promise<LayersModel> {
  const model = modelOf();
  const optimizer = make();
  model.compile({ loss: 'meanSquaredError', optimizer });
  for (let step = 0; step < steps; step++) {
    const { x, y } = batch(step);
    await model.trainOnBatch(x, y);
    tf.dispose([x, y]);
  }
  optimizer.dispose();
  return model;
}

async function compiled(make: () => Optimizer, options: TrainStepOptions): Promise<LayersModel> {
  const model = modelOf();
  const optimizer = make();
  const warnings: string[] = [];
  const train = await compileTrainStep(model, 'meanSquaredError', optimizer, { ...options, log: { warn: (message) => warnings.push(message) } });
  for (let step = 0; step < steps; step++) {
    const { x, y } = batch(step);
    await train.values(x, y);
    tf.dispose([x, y]);
  }
  assert.deepEqual(warnings, []);
  assert.equal(train.stats.eagerCalls, 0);
  await train.close();
  optimizer.dispose();
  return model;
}

describe('weights after ten traced steps agree with eager ones', () => {
  for (const [name, make] of Object.entries(optimizers))
    for (const [optimizer, tolerance] of [
      ['traced', 1e-6],
      ['fused', 1e-4],
    ] as const)
      // prettier-ignore
      it(`${name}, ${optimizer}`, async () => {
        const [expected, model] = [await eager(make), await compiled(make, { optimizer })];
        model.weights.forEach((weight, i) =>
          assertClose(numbersOf(weight.read()), numbersOf(expected.weights[i]!.read()), tolerance, weight.name, 1e-3),
        );
        expected.dispose();
        model.dispose();
      });
});
