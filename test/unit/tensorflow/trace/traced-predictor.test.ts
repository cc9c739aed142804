import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger, isMillraceError, type LogRecord } from '../../../../src/core/index.js';
import { t, type Schema } from '../../../../src/memory/schema.js';
import { loadTfjs } from '../../../../src/tensorflow/eager/index.js';
import * as ml from '../../../../src/tensorflow/model/index.js';
import type { TensorValue } from '../../../../src/tensorflow/tensor-value.js';
import { rowsBatch } from '../model/rows.js';

const schema = { a: t.float32(), word: t.string(), kind: t.int32(), v: t.vector(12), y: t.bool() };

function batchOf(rows: number) {
  return rowsBatch(
    schema,
    Array.from({ length: rows }, (_, i) => ({
      a: Math.sin(i),
      word: `w${i % 7}`,
      kind: i % 4,
      v: Float32Array.from({ length: 12 }, (_unused, k) => Math.cos(i * 12 + k)),
      y: i % 2 === 0,
    })),
  );
}

const inputs = { a: ml.numeric({ mean: 0.1, std: 2 }), word: ml.embedding({ dim: 3, buckets: 20 }), kind: ml.category(4), v: ml.numeric({ size: 12 }) };
const common = { inputs, label: { y: t.bool() }, loss: 'binaryCrossentropy' as const, optimizer: ml.adam(0.05) };
type Inputs = { readonly [K in keyof typeof inputs]: ml.SymbolicTensor };
const head = ({ a, word, kind }: Inputs, x: ml.SymbolicTensor) => ({ p: ml.dense(1, 'sigmoid', ml.concat([a, word, kind, x])) });
const image = (v: ml.SymbolicTensor) => ml.reshape([4, 3, 1], v);

const models: Readonly<Record<string, ml.Model<object, object, object>>> = {
  'dense layers': ml.defineModel({ ...common, build: (x) => head(x, ml.dense(8, 'relu', ml.dense(8, 'elu', x.v))) }),
  'batch normalization and dropout': ml.defineModel({ ...common, build: (x) => head(x, ml.dropout(0.5, ml.batchNorm(ml.dense(6, 'tanh', x.v)))) }),
  'layer normalization': ml.defineModel({ ...common, build: (x) => head(x, ml.layerNorm(x.v)) }),
  'an lstm': ml.defineModel({ ...common, build: (x) => head(x, ml.lstm(5, ml.reshape([4, 3], x.v))) }),
  'a gru that returns sequences': ml.defineModel({
    ...common,
    build: (x) => head(x, ml.flatten(ml.gru(2, ml.reshape([4, 3], x.v), { returnSequences: true }))),
  }),
  'a convolution with pooling': ml.defineModel({
    ...common,
    build: (x) => {
      const convolved = ml.layer((tf) => tf.layers.conv2d({ filters: 2, kernelSize: 2, padding: 'same', activation: 'relu' }), [4, 3, 2], image(x.v));
      return head(x, ml.flatten(ml.layer((tf) => tf.layers.maxPooling2d({ poolSize: 2, strides: 2, padding: 'same' }), [2, 2, 2], convolved)));
    },
  }),
  'sums and products': ml.defineModel({
    ...common,
    build: (x) => head(x, ml.multiply([ml.dense(4, 'softplus', x.v), ml.add([ml.dense(4, 'swish', x.v), ml.dense(4, 'relu', x.v)])])),
  }),
  'a softmax of several values': ml.defineModel({
    ...common,
    label: { kind2: t.vector(4) },
    loss: 'categoricalCrossentropy',
    build: ({ a, word, kind, v }) => ({ p: ml.dense(4, 'softmax', ml.concat([a, word, kind, v])) }),
  }),
};

function assertClose(actual: TensorValue | undefined, expected: TensorValue | undefined, what: string): void {
  assert.deepEqual(actual?.shape, expected?.shape, what);
  const [a, b] = [actual?.data as Float32Array, expected?.data as Float32Array];
  b.forEach((value, i) => {
    assert.ok(Math.abs((a[i] as number) - value) < 1e-5, `${what}, value ${i}: ${a[i]} is not ${value}`);
  });
}

describe('a traced forward pass', () => {
  for (const [name, model] of Object.entries(models)) {
    it(`agrees with tfjs for ${name} at batch sizes that were never traced`, async () => {
      const warnings: LogRecord[] = [];
      const session = await model.openTraining({ seed: 11 });
      const { predictor, feeds, setWeights } = await model.openPredictor({ log: createLogger((record) => warnings.push(record)) });
      assert.deepEqual(warnings, []);
      await setWeights(session.weights());
      for (const rows of [1, 4, 33, 256]) {
        const batch = batchOf(rows);
        assertClose((await predictor.run(feeds(batch)))['p'], (await session.predict(batch))['p'], `${rows} rows`);
      }
      await predictor.close();
      await session.close();
    });
  }

  it('sees either the old or the new weights, never a mixture', async () => {
    const model = models['dense layers'] as ml.Model<object, object, object>;
    const [one, two] = [await model.openTraining({ seed: 1 }), await model.openTraining({ seed: 2 })];
    const batch = batchOf(64);
    const expected = [(await one.predict(batch))['p'] as TensorValue, (await two.predict(batch))['p'] as TensorValue];
    const { predictor, feeds, setWeights } = await model.openPredictor();
    await setWeights(one.weights());
    const runs: Promise<unknown>[] = [];
    const seen = [0, 0];
    for (let i = 0; i < 40; i++) {
      for (let k = 0; k < 4; k++) {
        runs.push(
          predictor.run(feeds(batch)).then(({ p }) => {
            const which = expected.findIndex((each) =>
              (each.data as Float32Array).every((value, j) => Math.abs(value - ((p as TensorValue).data as Float32Array)[j]!) < 1e-5),
            );
            assert.notEqual(which, -1);
            seen[which]! += 1;
          }),
        );
      }
      runs.push(setWeights((i % 2 === 0 ? two : one).weights()));
    }
    await Promise.all(runs);
    assert.ok(seen[0]! > 0 && seen[1]! > 0, String(seen));
    await predictor.close();
    await one.close();
    await two.close();
  });

  it('keeps no tensors of tfjs', async () => {
    const tf = await loadTfjs();
    const model = models['dense layers'] as ml.Model<object, object, object>;
    const before = tf.memory().numTensors;
    const { predictor } = await model.openPredictor();
    assert.equal(tf.memory().numTensors, before);
    await predictor.close();
  });

  it('refuses weights with a variable missing', async () => {
    const { predictor, setWeights } = await (models['dense layers'] as ml.Model<object, object, object>).openPredictor();
    await assert.rejects(
      setWeights({}),
      (error: unknown) => isMillraceError(error) && error.code === 'SHAPE_MISMATCH' && error.message.includes('dense_1/kernel'),
    );
    await predictor.close();
  });
});

describe('a model that no graph can follow', () => {
  const outputs: Schema = { p: t.float32() };
  const base = {
    inputs: { a: ml.numeric() },
    label: { y: t.bool() },
    outputs,
    loss: ({ p }: Readonly<Record<string, ml.Tensor>>, _labels: unknown, tf: ml.Tfjs) => tf.mean(p as ml.Tensor),
    optimizer: ml.sgd(0.1),
  };
  const cases = {
    'random numbers': {
      predict: (_v: object, { a }: Readonly<Record<string, ml.Tensor>>, tf: ml.Tfjs) => ({ p: tf.add(a as ml.Tensor, Math.random()) }),
      says: /add: a constant: a value made in JavaScript at .*traced-predictor.test.*differs from run to run/s,
    },
    'a value read in JavaScript': {
      predict: (_v: object, { a }: Readonly<Record<string, ml.Tensor>>, tf: ml.Tfjs) => ({
        p: tf.mul(a as ml.Tensor, tf.sum(a as ml.Tensor).dataSync()[0] as number),
      }),
      says: /JavaScript reads a value/,
    },
  };
  for (const [name, { predict, says }] of Object.entries(cases)) {
    it(`because of ${name} is scored by tfjs, with a warning that says why`, async () => {
      const warnings: LogRecord[] = [];
      const model = ml.fromLoss({ ...base, variables: (tf) => ({ w: tf.variable(tf.zeros([1])) }), predict });
      const { predictor, feeds } = await model.openPredictor({ log: createLogger((record) => warnings.push(record)) });
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]?.message ?? '', says);
      assert.deepEqual((await predictor.run(feeds(batchOf(6))))['p']?.shape, [6]);
      await predictor.close();
    });
  }
});
