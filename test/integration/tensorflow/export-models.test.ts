import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isMillraceError } from '../../../src/core/index.js';
import { loadTfjs } from '../../../src/tensorflow/eager/index.js';
import {
  adam,
  compileTrainStep,
  exportSavedModel,
  importSavedModel,
  openSavedModelPredictor,
  stringToHashBucket,
  type TensorValue,
  type Tfjs,
} from '../../../src/tensorflow/index.js';
import { pythonJudge, runModels, type ModelRequest } from '../../python/judge.js';

const tf = await loadTfjs();
const judge = await pythonJudge();
const root = mkdtempSync(join(tmpdir(), 'millrace-export-models-'));
after(() => rmSync(root, { recursive: true, force: true }));

type Tensor = ReturnType<Tfjs['tensor']>;

const f32 = (shape: readonly number[], from = 1): TensorValue => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => Math.sin(i + from)),
});

function valueOf(tensor: Tensor): TensorValue {
  const value: TensorValue = { dtype: 'float32', shape: tensor.shape, data: tensor.dataSync().slice() as Float32Array };
  tensor.dispose();
  return value;
}

function assertClose(actual: TensorValue | undefined, expected: TensorValue, where: string): void {
  assert.deepEqual(actual?.shape, expected.shape, where);
  const data = actual.data as Float32Array;
  const largest = Math.max(...(expected.data as Float32Array).map(Math.abs));
  (expected.data as Float32Array).forEach((value, i) => {
    assert.ok(Math.abs(value - data[i]!) <= 1e-5 * largest, `${where}[${i}]: tfjs ${value}, there ${data[i]}`);
  });
}

/** A network with embeddings, normalization and dropout, trained for a few native steps, so that its weights lie in a session. */
async function wordsModel() {
  const words = tf.input({ shape: [3], dtype: 'int32', name: 'words' });
  const numbers = tf.input({ shape: [4], name: 'numbers' });
  const embedded = tf.layers.flatten().apply(tf.layers.embedding({ inputDim: 20, outputDim: 5 }).apply(words)) as typeof numbers;
  const joined = tf.layers.concatenate().apply([embedded, tf.layers.batchNormalization().apply(numbers) as typeof numbers]) as typeof numbers;
  const hidden = tf.layers.dropout({ rate: 0.4 }).apply(tf.layers.dense({ units: 8, activation: 'relu' }).apply(joined)) as typeof numbers;
  const model = tf.model({
    inputs: [words, numbers],
    outputs: tf.layers.dense({ units: 2, activation: 'softmax', name: 'classes' }).apply(hidden) as typeof numbers,
  });
  const step = await compileTrainStep(model, 'categoricalCrossentropy', adam(0.01));
  const ids: TensorValue = { dtype: 'int32', shape: [6, 3], data: Int32Array.from({ length: 18 }, (_, i) => (i * 7) % 20) };
  const labels: TensorValue = { dtype: 'float32', shape: [6, 2], data: Float32Array.from({ length: 12 }, (_, i) => ((i + (i >> 2)) % 2 === 0 ? 1 : 0)) };
  for (let i = 0; i < 5; i++) await step.values([ids, f32([6, 4])], labels);
  return { model, step };
}

describe('an exported model', () => {
  it(
    'gives in Python what tfjs gives: several inputs, strings and int64, preprocessing, weights of a native session',
    'skip' in judge ? { skip: judge.skip } : {},
    async () => {
      assert.ok('python' in judge);
      const { model, step } = await wordsModel();
      const dir = join(root, 'words');
      await exportSavedModel(model, dir, {
        signatures: {
          serving_default: {},
          by_id: { inputs: { words: { dtype: 'int64', shape: [null, 3] }, numbers: { dtype: 'float64', shape: [null, 4] } } },
          by_word: {
            inputs: { text: { dtype: 'string', shape: [null, 3] }, numbers: { dtype: 'float32', shape: [null, 4] } },
            preprocess: ({ text, numbers }: { text: Tensor; numbers: Tensor }) => ({ words: stringToHashBucket(tf, text, 20), numbers: tf.mul(numbers, 2) }),
          },
          one: {
            inputs: { numbers: { dtype: 'float32', shape: [null, 4] } },
            run: ({ numbers }: { numbers: Tensor }) => ({ total: tf.sum(numbers, 1), scaled: tf.mul(numbers, 3) }),
          },
        },
      });
      const ids = [0, 5, 19, 3, 3, 3, 7, 1, 2, 11, 12, 13];
      const numbers = f32([4, 4], 9);
      const texts = ids.map((id) => `word ${id}`);
      const predict = (words: Tensor, values: TensorValue, factor = 1): TensorValue =>
        valueOf(
          model.predict([
            words,
            tf.tensor2d(
              (values.data as Float32Array).map((value) => value * factor),
              [4, 4],
            ),
          ]) as Tensor,
        );
      const expected = predict(tf.tensor2d(ids, [4, 3], 'int32'), numbers);
      const hashed = stringToHashBucket(tf, tf.tensor2d(texts, [4, 3], 'string'), 20);
      const requests: (ModelRequest & { readonly wanted: Readonly<Record<string, TensorValue>> })[] = [
        {
          dir,
          via: 'load',
          signature: 'serving_default',
          feeds: { words: { dtype: 'int32', shape: [4, 3], data: Int32Array.from(ids) }, numbers },
          wanted: { classes: expected },
        },
        {
          dir,
          via: 'load',
          signature: 'by_id',
          feeds: {
            words: { dtype: 'int64', shape: [4, 3], data: BigInt64Array.from(ids, BigInt) },
            numbers: { dtype: 'float64', shape: [4, 4], data: Float64Array.from(numbers.data as Float32Array) },
          },
          wanted: { classes: expected },
        },
        {
          dir,
          via: 'load',
          signature: 'by_word',
          feeds: { text: { dtype: 'string', shape: [4, 3], data: texts }, numbers },
          wanted: { classes: predict(hashed, numbers, 2) },
        },
        ...(['load', 'layer'] as const).map((via) => ({
          dir,
          via,
          signature: 'one',
          feeds: { numbers },
          wanted: {
            total: valueOf(tf.sum(tf.tensor2d(numbers.data as Float32Array, [4, 4]), 1)),
            scaled: valueOf(tf.mul(tf.tensor2d(numbers.data as Float32Array, [4, 4]), 3)),
          },
        })),
      ];
      const answers = runModels(judge.python, requests);
      for (const [i, { signature, via, feeds, wanted }] of requests.entries()) {
        const own = await openSavedModelPredictor(dir, { signature });
        const here = await own.run(feeds);
        for (const [name, value] of Object.entries(wanted)) {
          assertClose(answers[i]?.outputs[name], value, `${signature} by ${via}, ${name}`);
          assertClose(here[name], value, `${signature} by a session of ours, ${name}`);
        }
        await own.close();
      }
      await step.close();
    },
  );

  it('comes back into another model by its names', async () => {
    const { model, step } = await wordsModel();
    const dir = join(root, 'back');
    await exportSavedModel(model, dir);
    const { model: copy } = await wordsModel();
    const names = Object.fromEntries(copy.weights.map(({ originalName }, i) => [originalName, model.weights[i]!.originalName]));
    const read = await importSavedModel(dir, copy, { names });
    assert.equal(read.length, model.weights.length);
    const inputs = [tf.tensor2d([1, 2, 3], [1, 3], 'int32'), tf.tensor2d([0.1, 0.2, 0.3, 0.4], [1, 4])];
    assertClose(valueOf(copy.predict(inputs) as Tensor), valueOf(model.predict(inputs) as Tensor), 'prediction');
    await step.close();
  });

  it('is refused where it reads values in JavaScript, and where a dimension besides the batch is open', async () => {
    const reads = (x: Tensor): Tensor => tf.mul(x, tf.sum(x).dataSync()[0]!);
    const inputs = { x: { dtype: 'float32', shape: [null, 2] } } as const;
    const dir = join(root, 'refused');
    await assert.rejects(
      exportSavedModel(({ x }: { x: Tensor }) => reads(x), dir, { signatures: { serving_default: { inputs } } }),
      (error: unknown) => isMillraceError(error) && error.code === 'UNSUPPORTED' && /JavaScript reads a value.*export-models\.test/s.test(error.message),
    );
    const open = { x: { dtype: 'float32', shape: [null, null] } } as const;
    await assert.rejects(
      exportSavedModel((x: Tensor) => x, dir, { signatures: { serving_default: { inputs: open } } }),
      /only the first dimension may be open/,
    );
    assert.equal(existsSync(dir), false);
  });

  it('never replaces a folder that holds something else', async () => {
    const file = join(root, 'notes.txt');
    writeFileSync(file, 'mine');
    const inputs = { x: { dtype: 'float32', shape: [null, 2] } } as const;
    await assert.rejects(
      exportSavedModel(({ x }: { x: Tensor }) => x, root, { signatures: { serving_default: { inputs } } }),
      /MODEL_INVALID|SavedModel/,
    );
    assert.ok(existsSync(file));
  });
});
