import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { t } from '../../../../src/memory/schema.js';
import { loadTfjs } from '../../../../src/tensorflow/eager/index.js';
import {
  adam,
  batchNorm,
  category,
  concat,
  defineModel,
  dense,
  dropout,
  embedding,
  fromLayersModel,
  fromLoss,
  numeric,
  sgd,
  type TrainingSession,
} from '../../../../src/tensorflow/model/index.js';
import type { TensorValue } from '../../../../src/tensorflow/tensor-value.js';
import { learner } from './learner.js';
import { rowsBatch } from './rows.js';

const schema = { hour: t.int32(), origin: t.string(), distance: t.float32(), late: t.bool() };
const rows = Array.from({ length: 7 }, (_, i) => ({ hour: i % 4, origin: `AP${i % 3}`, distance: Math.sin(i), late: i % 2 === 0 }));
const batch = rowsBatch(schema, rows);

const model = defineModel({
  inputs: { hour: category(4, { dim: 2 }), origin: embedding({ dim: 3, buckets: 11 }), distance: numeric() },
  label: { late: t.bool() },
  build: ({ hour, origin, distance }) => ({ probability: dense(1, 'sigmoid', dense(5, 'tanh', concat([hour, origin, distance]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.01),
});

type Values = Readonly<Record<string, TensorValue>>;

function floats(value: TensorValue | undefined): Float32Array {
  assert.ok(value?.data instanceof Float32Array);
  return value.data;
}

function assertClose(actual: Values, expected: Values, tolerance = 1e-6): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) {
    assert.deepEqual(actual[name]?.shape, value.shape);
    const data = floats(actual[name]);
    floats(value).forEach((wanted, i) => {
      assert.ok(Math.abs((data[i] as number) - wanted) <= tolerance, `${name}[${i}]: ${data[i]}, not ${wanted}`);
    });
  }
}

/** Largest difference between gradients and central differences, over a few entries of each variable. */
async function gradientError(session: TrainingSession, on = batch): Promise<number> {
  const { gradients } = await session.gradients(on);
  const start = session.weights();
  let worst = 0;
  for (const { name, trainable } of session.variables) {
    if (!trainable) continue;
    const gradient = floats(gradients[name]);
    for (const index of new Set([0, gradient.length >> 1, gradient.length - 1])) {
      const h = 1e-2;
      const at = async (shift: number): Promise<number> => {
        const data = Float32Array.from(floats(start[name]));
        data[index] = (data[index] as number) + shift;
        session.setWeights({ ...start, [name]: { ...(start[name] as TensorValue), data } });
        return (await session.gradients(on)).loss;
      };
      const difference = ((await at(h)) - (await at(-h))) / (2 * h);
      worst = Math.max(worst, Math.abs(difference - (gradient[index] as number)));
    }
  }
  session.setWeights(start);
  return worst;
}

describe('a training session', () => {
  it('gives equal weights for equal seeds, under stable names', async () => {
    const [a, b, c] = [await model.openTraining({ seed: 1 }), await model.openTraining({ seed: 1 }), await model.openTraining({ seed: 2 })];
    assert.deepEqual(a.weights(), b.weights());
    assert.notDeepEqual(a.weights(), c.weights());
    assert.deepEqual(
      a.variables.map(({ name }) => name),
      ['embedding_1/embeddings', 'embedding_2/embeddings', 'dense_1/kernel', 'dense_1/bias', 'dense_2/kernel', 'dense_2/bias'],
    );
    for (const session of [a, b, c]) await session.close();
  });

  it('computes the gradients that finite differences show, and changes nothing', async () => {
    const session = await model.openTraining({ seed: 3 });
    const before = session.weights();
    assert.ok((await gradientError(session)) < 2e-3);
    assert.deepEqual(session.weights(), before);
    await session.close();
  });

  it('hands out the predictions of the step before it learned', async () => {
    const session = await model.openTraining({ seed: 4 });
    const before = await session.predict(batch);
    const step = await learner(session, model)(batch);
    const after = await session.predict(batch);
    assertClose(step.predictions, before);
    assert.notDeepEqual(after, before);
    assert.deepEqual(before['probability']?.shape, [7]);
    await session.close();
  });

  it('predicts with the weights that were set last, as the forward pass of a gradient does', async () => {
    const [session, other] = [await model.openTraining({ seed: 4 }), await model.openTraining({ seed: 40 })];
    await session.predict(batch);
    for (const weights of [other.weights(), session.weights(), other.weights()]) {
      session.setWeights(weights);
      assertClose(await session.predict(batch), (await session.gradients(batch)).predictions);
    }
    assertClose(await session.predict(batch), await other.predict(batch), 0);
    await session.close();
    await other.close();
  });

  it('predicts on eager tfjs where the forward pass cannot be traced', async () => {
    const untraceable = fromLoss({
      inputs: { distance: numeric() },
      label: { late: t.bool() },
      outputs: { guess: t.float32() },
      variables: (tf) => ({ w: tf.variable(tf.ones([1, 1])) }),
      predict: ({ w }, { distance }, tf) => ({ guess: tf.mul(tf.matMul(distance, w), (distance.sum().dataSync()[0] as number) > 1e6 ? 2 : 1) }),
      loss: ({ guess }, { late }, tf) => tf.losses.meanSquaredError(late, guess),
      optimizer: sgd(0.1),
    });
    const session = await untraceable.openTraining({ seed: 1 });
    const learn = learner(session, untraceable);
    assertClose(await session.predict(batch), (await session.gradients(batch)).predictions, 0);
    await learn(batch);
    assertClose(await session.predict(batch), (await session.gradients(batch)).predictions, 0);
    await session.close();
  });

  it('learns: the loss falls', async () => {
    const session = await model.openTraining({ seed: 5 });
    const learn = learner(session, model);
    const first = (await learn(batch)).loss;
    let last = first;
    for (let i = 0; i < 200; i++) last = (await learn(batch)).loss;
    assert.ok(last < first / 2, `${first} -> ${last}`);
    await session.close();
  });

  it('keeps no tensors over 1000 steps', async () => {
    const tf = await loadTfjs();
    const session = await model.openTraining({ seed: 6 });
    const learn = learner(session, model);
    await learn(batch);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 500; i++) {
      await learn(batch);
      await session.gradients(batch);
    }
    await session.predict(batch);
    session.setWeights(session.weights());
    assert.equal(tf.memory().numTensors, before);
    await session.close();
  });

  it('disposes everything on close', async () => {
    const tf = await loadTfjs();
    const before = tf.memory().numTensors;
    const session = await model.openTraining({ seed: 6 });
    const learn = learner(session, model);
    await learn(batch);
    await session.close();
    assert.equal(tf.memory().numTensors, before);
  });

  it('assigns moving averages as values, and puts them back after gradients', async () => {
    const normalized = defineModel({
      inputs: { distance: numeric() },
      label: { late: t.bool() },
      build: ({ distance }) => ({ probability: dense(1, 'sigmoid', dropout(0.3, batchNorm(dense(6, 'relu', distance)))) }),
      loss: 'binaryCrossentropy',
      optimizer: sgd(0.1),
    });
    const tf = await loadTfjs();
    const session = await normalized.openTraining({ seed: 1 });
    const learn = learner(session, normalized);
    await session.gradients(batch);
    const tensors = tf.memory().numTensors;
    const fixed = session.variables.filter(({ trainable }) => !trainable).map(({ name }) => name);
    assert.deepEqual(fixed, ['batch_normalization_1/moving_mean', 'batch_normalization_1/moving_variance']);
    const before = session.weights();
    const { assigned, gradients } = await session.gradients(batch);
    assert.deepEqual(Object.keys(assigned ?? {}), fixed);
    assert.ok(!fixed.some((name) => name in gradients));
    assert.notDeepEqual(assigned?.[fixed[0] as string], before[fixed[0] as string]);
    assert.deepEqual(session.weights(), before);
    await learn(batch);
    assert.notDeepEqual(session.weights()[fixed[0] as string], before[fixed[0] as string]);
    const trained = tf.memory().numTensors;
    for (let i = 0; i < 50; i++) await session.gradients(batch);
    assert.equal(tf.memory().numTensors, trained);
    assert.ok(trained >= tensors);
    await session.close();
  });

  it('refuses weights that do not fit before it changes any', async () => {
    const session = await model.openTraining({ seed: 1 });
    const before = session.weights();
    const wrong: Values = {
      'dense_1/bias': { dtype: 'float32', shape: [5], data: new Float32Array(5) },
      'dense_2/bias': { dtype: 'float32', shape: [2], data: new Float32Array(2) },
    };
    assert.throws(() => {
      session.setWeights(wrong);
    }, /'dense_2\/bias' is float32 \[1\], got float32 \[2\]/);
    assert.deepEqual(session.weights(), before);
    await session.close();
  });
});

describe('losses', () => {
  const numbers = { a: t.float32(), b: t.float32(), y: t.int32(), v: t.vector(3), p: t.vector(3) };
  const samples = rowsBatch(
    numbers,
    Array.from({ length: 5 }, (_, i) => ({
      a: Math.cos(i),
      b: i / 5,
      y: i % 3,
      v: Float32Array.of(i / 3, -i, 0.5),
      p: Float32Array.from([0, 1, 2], (k) => (k === i % 3 ? 1 : 0)),
    })),
  );
  const features = { a: numeric(), b: numeric({ mean: 0.5, std: 2 }) };
  const cases = {
    mse: defineModel({
      inputs: features,
      label: { v: t.vector(3) },
      build: ({ a, b }) => ({ o: dense(3, 'linear', concat([a, b])) }),
      loss: 'mse',
      optimizer: adam(),
    }),
    mae: defineModel({
      inputs: features,
      label: { v: t.vector(3) },
      build: ({ a, b }) => ({ o: dense(3, 'linear', concat([a, b])) }),
      loss: 'mae',
      optimizer: adam(),
    }),
    huber: defineModel({
      inputs: features,
      label: { v: t.vector(3) },
      build: ({ a, b }) => ({ o: dense(3, 'linear', concat([a, b])) }),
      loss: 'huber',
      optimizer: adam(),
    }),
    categoricalCrossentropy: defineModel({
      inputs: features,
      label: { p: t.vector(3) },
      build: ({ a, b }) => ({ o: dense(3, 'softmax', concat([a, b])) }),
      loss: 'categoricalCrossentropy',
      optimizer: adam(),
    }),
    sparseCategoricalCrossentropy: defineModel({
      inputs: features,
      label: { y: t.int32() },
      build: ({ a, b }) => ({ o: dense(3, 'softmax', concat([a, b])) }),
      loss: 'sparseCategoricalCrossentropy',
      optimizer: adam(),
    }),
    function: defineModel({
      inputs: features,
      label: { y: t.int32(), v: t.vector(3) },
      build: ({ a, b }) => ({ o: dense(3, 'tanh', a), q: dense(1, 'linear', concat([a, b])) }),
      loss: ({ o, q }, { y, v }, tf) => tf.add(tf.losses.meanSquaredError(v as never, o as never), tf.losses.meanSquaredError(y as never, q as never)),
      optimizer: adam(),
    }),
  };
  for (const [name, each] of Object.entries(cases)) {
    it(`${name} has the gradients that finite differences show`, async () => {
      const session = await each.openTraining({ seed: 7 });
      assert.ok((await gradientError(session, samples)) < 5e-3);
      await session.close();
    });
  }

  it('the two crossentropies of class numbers and of one-hot vectors agree', async () => {
    const [a, b] = [await cases.categoricalCrossentropy.openTraining({ seed: 7 }), await cases.sparseCategoricalCrossentropy.openTraining({ seed: 7 })];
    assert.ok(Math.abs((await a.gradients(samples)).loss - (await b.gradients(samples)).loss) < 1e-6);
    await a.close();
    await b.close();
  });
});

describe('other ways to a model', () => {
  it('a tf.LayersModel with one input takes several columns joined', async () => {
    const wrapped = fromLayersModel(
      (tf) =>
        tf.sequential({ layers: [tf.layers.dense({ inputShape: [5], units: 4, activation: 'tanh' }), tf.layers.dense({ units: 1, activation: 'sigmoid' })] }),
      {
        inputs: { hour: category(4), distance: numeric() },
        label: { late: t.bool() },
        outputs: { probability: t.float32() },
        loss: 'binaryCrossentropy',
        optimizer: adam(),
      },
    );
    const [session, other] = [await wrapped.openTraining({ seed: 1 }), await wrapped.openTraining({ seed: 1 })];
    assert.deepEqual(session.weights(), other.weights());
    assert.ok((await gradientError(session)) < 2e-3);
    await session.close();
    await other.close();
  });

  it('says when a tf.LayersModel does not fit the declared inputs', async () => {
    const wrapped = fromLayersModel((tf) => tf.sequential({ layers: [tf.layers.dense({ inputShape: [9], units: 1 })] }), {
      inputs: { hour: category(4), distance: numeric() },
      label: { late: t.bool() },
      outputs: { probability: t.float32() },
      loss: 'mse',
      optimizer: adam(),
    });
    await assert.rejects(wrapped.openTraining({ seed: 1 }), /hour \+ distance gives 5 values per row, the model's input is \[9\]/);
  });

  it('a loss over tf.Variables trains', async () => {
    const linear = fromLoss({
      inputs: { distance: numeric() },
      label: { late: t.bool() },
      outputs: { guess: t.float32() },
      variables: (tf) => ({ w: tf.variable(tf.randomNormal([1, 1])), b: tf.variable(tf.zeros([1])) }),
      predict: ({ w, b }, { distance }, tf) => ({ guess: tf.add(tf.matMul(distance, w), b) }),
      loss: ({ guess }, { late }, tf) => tf.losses.meanSquaredError(late, guess),
      optimizer: sgd(0.1),
    });
    const session = await linear.openTraining({ seed: 1 });
    const learn = learner(session, linear);
    assert.deepEqual(
      session.variables.map(({ name, shape }) => [name, shape]),
      [
        ['w', [1, 1]],
        ['b', [1]],
      ],
    );
    assert.ok((await gradientError(session)) < 1e-3);
    const first = (await learn(batch)).loss;
    for (let i = 0; i < 50; i++) await learn(batch);
    assert.ok((await learn(batch)).loss < first);
    await session.close();
  });
});
