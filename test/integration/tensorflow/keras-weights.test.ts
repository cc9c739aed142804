import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importSavedModel, loadTfjs, readVariables, type Tfjs } from '../../../src/tensorflow/index.js';
import { decodeTensor, pythonJudge, runPython, type EncodedTensor } from '../../python/judge.js';

const judge = await pythonJudge();

/** The architecture of test/python/write_keras.py. */
function buildModel(tf: Tfjs) {
  const { layers } = tf;
  const words = tf.input({ shape: [6], dtype: 'int32', name: 'words' });
  const image = tf.input({ shape: [8, 8, 2], name: 'image' });
  const text = layers
    .lstm({ units: 5, name: 'text', recurrentActivation: 'sigmoid' })
    .apply(layers.embedding({ inputDim: 10, outputDim: 4, name: 'table' }).apply(words));
  const conv = layers.conv2d({ filters: 3, kernelSize: 3, name: 'conv', activation: 'relu' }).apply(image);
  const picture = layers.flatten().apply(layers.batchNormalization({ name: 'norm' }).apply(conv));
  const hidden = layers.dense({ units: 6, name: 'hidden', activation: 'tanh' }).apply(layers.concatenate().apply([text, picture] as (typeof words)[]));
  const sequence = layers.reshape({ targetShape: [2, 3] }).apply(hidden);
  const both = layers.bidirectional({ layer: layers.lstm({ units: 2, recurrentActivation: 'sigmoid' }), name: 'both' }).apply(sequence);
  return tf.model({ inputs: [words, image], outputs: layers.dense({ units: 2, name: 'out' }).apply(both) as typeof words });
}

interface Case {
  readonly feeds: { readonly words: EncodedTensor; readonly image: EncodedTensor };
  readonly prediction: EncodedTensor;
  readonly variables: Readonly<Record<string, EncodedTensor>>;
}

if ('skip' in judge) {
  test("a tfjs model with Keras's weights predicts as Keras does", { skip: judge.skip }, () => undefined);
} else {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-judge-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  runPython(judge.python, 'write_keras.py', [folder]);
  const { feeds, prediction, variables } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as Case;

  for (const saved of ['exported', 'saved']) {
    test(`a tfjs model with Keras's weights predicts as Keras does: ${saved}`, async () => {
      const tf = await loadTfjs();
      const model = buildModel(tf);
      const imported = await importSavedModel(join(folder, saved), model);
      assert.deepEqual(imported.map(({ variable }) => variable).sort(), Object.keys(variables).sort());
      const inputs = [feeds.words, feeds.image]
        .map(decodeTensor)
        .map(({ data, shape, dtype }) => tf.tensor(data as Float32Array, [...shape], dtype as 'float32'));
      const actual = (model.predict(inputs) as (typeof inputs)[number]).dataSync();
      const expected = decodeTensor(prediction).data as Float32Array;
      assert.equal(actual.length, expected.length);
      expected.forEach((value, i) => {
        const got = actual[i] as number;
        assert.ok(Math.abs(value - got) <= 1e-5, `[${i}]: got ${got}, Keras has ${value}`);
      });
    });

    test(`every variable is read as Python has it: ${saved}`, async () => {
      const read = await readVariables(join(folder, saved));
      for (const [path, encoded] of Object.entries(variables)) assert.deepEqual(read.get(path)?.value, decodeTensor(encoded), path);
      if (saved === 'saved') assert.deepEqual(read.get('adam/iteration')?.value, { dtype: 'int64', shape: [], data: new BigInt64Array([20n]) });
    });
  }
}
