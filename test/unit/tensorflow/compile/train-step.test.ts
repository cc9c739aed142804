import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isMillraceError } from '../../../../src/core/index.js';
import { compileGradients, compilePredict, compileTrainStep, loadTfjs, sgd, type TensorValue } from '../../../../src/tensorflow/index.js';
import type { LayersModel, Tensor, Variable } from '../../../../src/tensorflow/model/tfjs-types.js';

const tf = await loadTfjs();

function numbers(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + seed * 0.37));
}

function value(shape: readonly number[], seed: number): TensorValue {
  return {
    dtype: 'float32',
    shape,
    data: numbers(
      shape.reduce((product, size) => product * size, 1),
      seed,
    ),
  };
}

const tensorOf = ({ data, shape }: TensorValue): Tensor => tf.tensor(data as Float32Array, [...shape]);

function mlp(): LayersModel {
  // No bias before the normalization: its gradient would be rounding alone, which Adam makes a step of.
  const layers = [tf.layers.batchNormalization({ inputShape: [3] }), tf.layers.dense({ units: 4, activation: 'relu' }), tf.layers.dense({ units: 1 })];
  return seeded(tf.sequential({ layers }));
}

function seeded(model: LayersModel): LayersModel {
  const values = model.weights.map(({ shape, name }, i) => {
    const tensor = tensorOf(value(shape as number[], i));
    return name.includes('variance') ? tf.add(tf.square(tensor), 1) : tensor;
  });
  model.setWeights(values);
  return model;
}

const weights = (model: LayersModel): number[][] => model.weights.map((weight) => Array.from(weight.read().dataSync()));

function assertNear(actual: readonly number[][], expected: readonly number[][], tolerance = 1e-5): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((list, k) =>
    list.forEach((each, i) => assert.ok(Math.abs(actual[k]![i]! - each) <= tolerance, `weight ${k}, value ${i}: ${actual[k]![i]}, not ${each}`)),
  );
}

async function trainEagerly(model: LayersModel, rounds: readonly number[]): Promise<void> {
  for (const seed of rounds) {
    const [x, y] = [tensorOf(value([8, 3], seed)), tensorOf(value([8, 1], seed + 9))];
    await model.trainOnBatch(x, y);
    tf.dispose([x, y]);
  }
}

const batch = (seed: number) => [value([8, 3], seed), value([8, 1], seed + 9)] as const;

describe('a compiled training step', () => {
  for (const optimizer of ['fused', 'traced'] as const) {
    it(`does not train while it is traced: weights and the optimizer's count are as after one step (${optimizer})`, async () => {
      const [model, other] = [mlp(), mlp()];
      const adam = tf.train.adam(0.01);
      const step = await compileTrainStep(model, 'meanSquaredError', adam, { optimizer });
      assert.deepEqual(weights(model), weights(other));
      await step.values(...batch(1));
      other.compile({ loss: 'meanSquaredError', optimizer: tf.train.adam(0.01) });
      await trainEagerly(other, [1]);
      assertNear(weights(model), weights(other));
      assert.equal(adam.iterations, 1);
      await step.close();
    });

    it(`takes turns with eager steps of the same model: each sees the other's weights (${optimizer})`, async () => {
      const [model, other] = [mlp(), mlp()];
      model.compile({ loss: 'meanSquaredError', optimizer: tf.train.sgd(0.1) });
      other.compile({ loss: 'meanSquaredError', optimizer: tf.train.sgd(0.1) });
      const step = await compileTrainStep(model, undefined, tf.train.sgd(0.1), { optimizer });
      for (const seed of [1, 3]) {
        await step.values(...batch(seed));
        await trainEagerly(model, [seed + 1]);
      }
      await trainEagerly(other, [1, 2, 3, 4]);
      assertNear(weights(model), weights(other));
      model.setWeights(other.getWeights().map((each) => tf.mul(each, 0.5)));
      other.setWeights(other.getWeights().map((each) => tf.mul(each, 0.5)));
      await step.values(...batch(5));
      await trainEagerly(other, [5]);
      assertNear(weights(model), weights(other));
      await step.close();
      assertNear(weights(model), weights(other));
    });

    it(`follows a learning rate that changes (${optimizer})`, async () => {
      const [model, other] = [mlp(), mlp()];
      const [mine, theirs] = [tf.train.adam(0.01), tf.train.adam(0.01)];
      const step = await compileTrainStep(model, 'meanSquaredError', mine, { optimizer });
      other.compile({ loss: 'meanSquaredError', optimizer: theirs });
      for (const [seed, rate] of [0.01, 0.05, 0.05, 0.001].entries()) {
        for (const each of [mine, theirs]) (each as unknown as { learningRate: number }).learningRate = rate;
        await step.values(...batch(seed));
        await trainEagerly(other, [seed]);
      }
      assertNear(weights(model), weights(other), 1e-4);
      assert.equal(step.stats.builds, optimizer === 'fused' ? 1 : 3);
      await step.close();
    });

    it(`keeps the moments of an optimizer over traces for other shapes (${optimizer})`, async () => {
      const make = () => seeded(tf.sequential({ layers: [tf.layers.conv1d({ filters: 2, kernelSize: 2, inputShape: [null, 2] as never }), tf.layers.globalAveragePooling1d(), tf.layers.dense({ units: 1 })] })); // prettier-ignore
      const [model, other] = [make(), make()];
      const step = await compileTrainStep(model, 'meanSquaredError', tf.train.adam(0.01), { optimizer });
      other.compile({ loss: 'meanSquaredError', optimizer: tf.train.adam(0.01) });
      for (const length of [4, 6, 4, 5, 6]) {
        const [x, y] = [value([3, length, 2], length), value([3, 1], length)];
        await step.values(x, y);
        await other.trainOnBatch(tensorOf(x), tensorOf(y));
      }
      assert.equal(step.stats.builds, 3);
      assertNear(weights(model), weights(other), 1e-4);
      await step.close();
    });
  }

  it('moves the averages of a batch normalization, a prediction uses them', async () => {
    const [model, other] = [mlp(), mlp()];
    other.compile({ loss: 'meanSquaredError', optimizer: tf.train.sgd(0.1) });
    const step = await compileTrainStep(model, 'meanSquaredError', tf.train.sgd(0.1));
    const predict = await compilePredict(model);
    for (const seed of [1, 2]) {
      await step.values(...batch(seed));
      await trainEagerly(other, [seed]);
      const [x] = batch(7);
      const expected = other.predict(tensorOf(x)) as Tensor;
      assertNear([Array.from(((await predict.values(x)) as TensorValue).data as Float32Array)], [Array.from(expected.dataSync())]);
    }
    assert.notDeepEqual(weights(model).slice(-2), weights(mlp()).slice(-2), 'moving averages have moved');
    await step.close();
    await predict.close();
  });

  it('leaves frozen layers alone, and includes the penalties of regularizers in the loss', async () => {
    const make = () => {
      const layers = [
        tf.layers.dense({ units: 4, inputShape: [3], trainable: false }),
        tf.layers.dense({ units: 1, kernelRegularizer: tf.regularizers.l2({ l2: 0.1 }) }),
      ];
      return seeded(tf.sequential({ layers }));
    };
    const [model, other] = [make(), make()];
    other.compile({ loss: 'meanSquaredError', optimizer: tf.train.sgd(0.1) });
    const step = await compileTrainStep(model, 'meanSquaredError', tf.train.sgd(0.1));
    const { loss } = await step.values(...batch(1));
    const expected = (await other.trainOnBatch(tensorOf(batch(1)[0]), tensorOf(batch(1)[1]))) as number;
    assert.ok(Math.abs((loss.data as Float32Array)[0]! - expected) < 1e-5);
    assertNear(weights(model), weights(other));
    // Frozen ones come last.
    assert.deepEqual(weights(model).slice(2), weights(make()).slice(2));
    assert.notDeepEqual(weights(model)[0], weights(make())[0]);
    await step.close();
  });

  it('trains layers that are shared, of several inputs and outputs by name', async () => {
    const make = () => {
      const [a, b] = [tf.input({ shape: [3], name: `a${made}` }), tf.input({ shape: [3], name: `b${made++}` })];
      const shared = tf.layers.dense({ units: 2, activation: 'tanh' });
      const [ya, yb] = [shared.apply(a), shared.apply(b)] as (typeof a)[];
      const sum = tf.layers.dense({ units: 1, name: `sum${made}` }).apply(tf.layers.add().apply([ya!, yb!])) as typeof a;
      return seeded(tf.model({ inputs: [a, b], outputs: [sum, yb!] }));
    };
    let made = 0;
    const [model, other] = [make(), make()];
    other.compile({ loss: ['meanSquaredError', 'meanAbsoluteError'], optimizer: tf.train.sgd(0.1) });
    const step = await compileTrainStep(model, ['meanSquaredError', 'meanAbsoluteError'], tf.train.sgd(0.1), { outputs: true });
    for (const rows of [4, 7]) {
      const inputs = [value([rows, 3], 1), value([rows, 3], 2)] as const;
      const labels = [value([rows, 1], 3), value([rows, 2], 4)] as const;
      const named = Object.fromEntries(model.inputNames.map((name, i) => [name, inputs[i]!]));
      const { outputs } = await step.values(named, [...labels]);
      assert.deepEqual((outputs as unknown as TensorValue[]).map(({ shape }) => shape), [[rows, 1], [rows, 2]]); // prettier-ignore
      await other.trainOnBatch(inputs.map(tensorOf), labels.map(tensorOf));
    }
    assertNear(weights(model), weights(other));
    await assert.rejects(step.values({ nothing: value([2, 3], 1) }, [value([2, 1], 1), value([2, 2], 1)]), /missing a0, b0/);
    await step.close();
  });

  it('says what is wrong with a loss', async () => {
    const model = mlp();
    const invalid = (error: unknown): boolean => isMillraceError(error) && error.code === 'MODEL_INVALID';
    await assert.rejects(compileTrainStep(model, 'meanSquareError', tf.train.sgd(1)), invalid);
    await assert.rejects(compileTrainStep(model, undefined, tf.train.sgd(1)), invalid);
    await assert.rejects(compileTrainStep(model, ['mse', 'mse'], tf.train.sgd(1)), invalid);
    await assert.rejects(
      compileTrainStep((x: Tensor) => x, 'meanSquaredError', tf.train.sgd(1)),
      invalid,
    );
  });

  it('keeps no tensors of tfjs, and gives variables back when it closes', async () => {
    const model = mlp();
    await (await compileTrainStep(model, 'meanSquaredError', sgd(0.1))).close();
    const before = tf.memory().numTensors;
    const step = await compileTrainStep(model, 'meanSquaredError', sgd(0.1));
    for (let i = 0; i < 5; i++) await step.values(...batch(i));
    await step.close();
    assert.equal(tf.memory().numTensors, before);
    const [x] = batch(1);
    const input = tensorOf(x);
    tf.dispose([input, model.predict(input)]);
    assert.equal(tf.memory().numTensors, before);
  });
});

describe('what no graph can follow', () => {
  it('runs eagerly after one warning that names layer and reason, with the same results', async () => {
    class Reads extends tf.layers.Layer {
      static className = 'Reads';
      override call(inputs: Tensor | Tensor[]): Tensor {
        const x = Array.isArray(inputs) ? inputs[0]! : inputs;
        return tf.mul(x, 1 + Math.abs(tf.mean(x).dataSync()[0]!));
      }
    }
    const make = () => seeded(tf.sequential({ layers: [tf.layers.dense({ units: 4, inputShape: [3] }), new Reads({ name: `reads_${made++}` }), tf.layers.dense({ units: 1 })] })); // prettier-ignore
    let made = 0;
    const [model, other] = [make(), make()];
    other.compile({ loss: 'meanSquaredError', optimizer: tf.train.adam(0.1) });
    const warnings: string[] = [];
    const log = { warn: (message: string) => warnings.push(message) };
    const adam = tf.train.adam(0.1);
    const step = await compileTrainStep(model, 'meanSquaredError', adam, { log });
    for (const seed of [1, 2, 3]) {
      await step.values(...batch(seed));
      await trainEagerly(other, [seed]);
    }
    assertNear(weights(model), weights(other), 1e-6);
    assert.equal(adam.iterations, 3);
    assert.deepEqual(step.stats, { builds: 0, cached: 0, calls: 3, eagerCalls: 3 });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /training step of sequential_\d+ runs on eager TensorFlow\.js.*reads_0.*JavaScript reads a value/);
    await step.close();
  });

  it('such as a stateful RNN, whose state is in JavaScript, does not freeze that state', async () => {
    const make = () => seeded(tf.sequential({ layers: [tf.layers.simpleRNN({ units: 2, stateful: true, batchInputShape: [2, 3, 1] })] }));
    const [model, other] = [make(), make()];
    const warnings: string[] = [];
    for (const options of [{}, { batch: 'none' }] as const) {
      model.resetStates();
      other.resetStates();
      const predict = await compilePredict(model, { ...options, log: { warn: (message: string) => warnings.push(message) } });
      const x = value([2, 3, 1], 1);
      for (let i = 0; i < 3; i++) {
        const expected = other.predict(tensorOf(x)) as Tensor;
        assertNear([Array.from(((await predict.values(x)) as TensorValue).data as Float32Array)], [Array.from(expected.dataSync())]);
      }
      await predict.close();
    }
    assert.equal(warnings.length, 2);
    for (const warning of warnings) assert.match(warning, /simple_rnn_\w+: keeps a state in JavaScript/);
  });
});

describe('compiled gradients', () => {
  it('take weights by name and change nothing', async () => {
    const model = mlp();
    const before = weights(model);
    const compiled = await compileGradients(model, 'meanSquaredError');
    const fed = Object.fromEntries(
      model.weights.map((weight) => [
        (weight.read() as unknown as Variable).name,
        { dtype: 'float32' as const, shape: weight.shape as number[], data: numbers(weight.read().size, 40).map(Math.abs) },
      ]),
    );
    const own = await compiled.values(...batch(1));
    const given = await compiled.values(...batch(1), fed);
    assert.notDeepEqual(own.loss.data, given.loss.data);
    assert.deepEqual(weights(model), before);
    const other = mlp();
    other.setWeights(model.weights.map((weight) => tensorOf(fed[(weight.read() as unknown as Variable).name]!)));
    const reference = await compileGradients(other, 'meanSquaredError');
    const wanted = await reference.values(...batch(1));
    const flat = (of: Readonly<Record<string, TensorValue>>): number[][] => Object.values(of).map(({ data }) => Array.from(data as Float32Array));
    assertNear([...flat(given.gradients), ...flat(given.assigned)], [...flat(wanted.gradients), ...flat(wanted.assigned)]);
    assert.equal(Object.keys(given.assigned).length, 2);
    await compiled.close();
    await reference.close();
  });
});
