import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileGradients, loadTfjs } from '../../../src/tensorflow/index.js';
import { lossNames, namedLoss } from '../../../src/tensorflow/model/losses.js';
import type { LayersModel, Tensor, Variable } from '../../../src/tensorflow/model/tfjs-types.js';
import { assertClose, numbersOf, tidied } from './close.js';
import { numbers, setSeededWeights } from './seeded.js';

const tf = await loadTfjs();
const sizes = [2, 1, 4, 7, 33];
const tolerance = 1e-5;
const classes = 4;

type Labels = 'oneHot' | 'classes' | 'signs' | 'probabilities' | 'numbers' | 'bits';

/** Labels as each loss wants them, [rows, 4], or [rows, 1] for class numbers. */
function labelsOf(kind: Labels, rows: number): Tensor {
  const values = numbers(rows * classes, rows);
  const all = [rows, classes];
  switch (kind) {
    case 'classes':
      return tf.tensor(Float32Array.from({ length: rows }, (_, i) => i % classes), [rows, 1]); // prettier-ignore
    case 'oneHot':
      return tf.tensor(
        Float32Array.from({ length: rows * classes }, (_, i) => (i % classes === Math.floor(i / classes) % classes ? 1 : 0)),
        all,
      );
    case 'signs':
      return tf.tensor(values.map((value) => Math.sign(value)), all); // prettier-ignore
    case 'bits':
      return tf.tensor(values.map((value) => (value > 0 ? 1 : 0)), all); // prettier-ignore
    case 'probabilities':
      return tf.tensor(values.map((value) => (value + 1.1) / 2.2), all); // prettier-ignore
    case 'numbers':
      return tf.tensor(values, all);
  }
}

/** All names that tf.LayersModel.compile knows. */
const named: Readonly<Record<string, Labels>> = {
  meanSquaredError: 'numbers',
  meanAbsoluteError: 'numbers',
  meanAbsolutePercentageError: 'numbers',
  meanSquaredLogarithmicError: 'probabilities',
  squaredHinge: 'signs',
  hinge: 'signs',
  categoricalHinge: 'oneHot',
  logcosh: 'numbers',
  categoricalCrossentropy: 'oneHot',
  sparseCategoricalCrossentropy: 'classes',
  binaryCrossentropy: 'bits',
  kullbackLeiblerDivergence: 'probabilities',
  poisson: 'probabilities',
  cosineProximity: 'numbers',
};

/** The functions of tf.losses that are losses of labels and predictions. */
const functions = {
  absoluteDifference: 'numbers',
  cosineDistance: 'numbers',
  hingeLoss: 'bits',
  huberLoss: 'numbers',
  logLoss: 'probabilities',
  meanSquaredError: 'numbers',
  sigmoidCrossEntropy: 'bits',
  softmaxCrossEntropy: 'oneHot',
} as const;

const own = {
  binaryCrossentropy: 'bits',
  categoricalCrossentropy: 'oneHot',
  sparseCategoricalCrossentropy: 'classes',
  mse: 'numbers',
  mae: 'numbers',
  huber: 'numbers',
} as const satisfies Record<(typeof lossNames)[number], Labels>;

function modelOf(activation: 'softmax' | 'linear'): LayersModel {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: classes, activation, inputShape: [3] })] });
  setSeededWeights(tf, model, 2);
  return model;
}

type LossFunction = (labels: Tensor, outputs: Tensor) => Tensor;

/** tfjs's own function of a name, as compile() gives it to a model. */
function functionOf(name: string): LossFunction {
  const input = tf.input({ shape: [classes] });
  const model = tf.model({ inputs: input, outputs: tf.layers.activation({ activation: 'linear' }).apply(input) as typeof input });
  model.compile({ loss: name, optimizer: 'sgd' });
  return (model as unknown as { readonly lossFunctions: readonly LossFunction[] }).lossFunctions[0]!;
}

async function check(model: LayersModel, loss: string | LossFunction, reference: LossFunction, kind: Labels): Promise<void> {
  const warnings: string[] = [];
  const compiled = await compileGradients(model, loss, { log: { warn: (message) => warnings.push(message) } });
  for (const rows of sizes) {
    const x = tf.tensor(numbers(rows * 3, 1), [rows, 3]);
    const y = labelsOf(kind, rows);
    const expected = tidied(tf, () => {
      const weights = model.trainableWeights.map((weight) => weight.read() as unknown as Variable);
      const { value, grads } = tf.variableGrads(() => tf.mean(reference(y, model.apply(x, { training: true }) as Tensor)).asScalar(), weights);
      return { loss: numbersOf(value), gradients: Object.entries(grads).map(([name, each]) => [name, numbersOf(each)] as const) };
    });
    const given = await compiled.values(x, y);
    assertClose(numbersOf(given.loss), expected.loss, tolerance, `loss of ${rows} rows`);
    for (const [name, gradient] of expected.gradients)
      assertClose(numbersOf(given.gradients[name]!), gradient, tolerance, `gradient of ${name} of ${rows} rows`);
    tf.dispose([x, y]);
  }
  assert.deepEqual(warnings, []);
  await compiled.close();
  model.dispose();
}

describe('a traced loss agrees with tfjs', () => {
  for (const [name, kind] of Object.entries(named))
    // A logarithm of what may be negative is no number.
    for (const activation of name === 'poisson' ? (['softmax'] as const) : (['softmax', 'linear'] as const))
      it(`'${name}' of ${activation} outputs`, () => check(modelOf(activation), name, functionOf(name), kind));
  for (const [name, kind] of Object.entries(functions) as [keyof typeof functions, Labels][])
    it(`tf.losses.${name}`, () => {
      const loss: LossFunction = name === 'cosineDistance' ? (labels, outputs) => tf.losses.cosineDistance(labels, outputs, 1) : tf.losses[name];
      return check(modelOf(name === 'logLoss' ? 'softmax' : 'linear'), loss, loss, kind);
    });
  for (const name of lossNames)
    for (const isLogits of [true, false])
      it(`defineModel's '${name}' of ${isLogits ? 'logits' : 'probabilities'}`, () => {
        const loss: LossFunction = (label, prediction) => namedLoss(tf, name, { label, prediction, logits: isLogits ? prediction : undefined });
        return check(modelOf(isLogits ? 'linear' : 'softmax'), loss, loss, own[name]);
      });
  it('a list of losses, one for each output', async () => {
    const input = tf.input({ shape: [3] });
    const outputs = [tf.layers.dense({ units: 2 }).apply(input), tf.layers.dense({ units: classes, activation: 'softmax' }).apply(input)] as (typeof input)[];
    const model = tf.model({ inputs: input, outputs });
    setSeededWeights(tf, model, 2);
    model.compile({ loss: ['meanSquaredError', 'categoricalCrossentropy'], optimizer: tf.train.sgd(0) });
    const compiled = await compileGradients(model, undefined);
    for (const rows of sizes) {
      const x = tf.tensor(numbers(rows * 3, 1), [rows, 3]);
      const labels = [tf.tensor(numbers(rows * 2, 5), [rows, 2]), labelsOf('oneHot', rows)];
      const [expected] = (await model.trainOnBatch(x, labels)) as number[];
      assertClose(numbersOf((await compiled.values(x, labels)).loss), { shape: [], data: [expected!] }, tolerance, `${rows} rows`);
      tf.dispose([x, labels]);
    }
    await compiled.close();
    model.dispose();
  });
});
