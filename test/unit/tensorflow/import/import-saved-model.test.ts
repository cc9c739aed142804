import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isMillraceError, type ErrorCode } from '../../../../src/core/index.js';
import { importSavedModel, loadTfjs, readVariables, writeSavedModel } from '../../../../src/tensorflow/index.js';
import { denseModel, f32, i64, mixedModel, plainModel, type ExportedModel } from '../export/exported-models.js';

const linear = fileURLToPath(new URL('../../../../../test/fixtures/saved-models/linear', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'millrace-test-'));
after(() => rmSync(root, { recursive: true }));

const fails = (code: ErrorCode, message: RegExp) => (thrown: unknown) => {
  assert.ok(isMillraceError(thrown), String(thrown));
  assert.equal(thrown.code, code);
  assert.match(thrown.message, message);
  return true;
};

async function written(name: string, { graph, contents }: ExportedModel): Promise<string> {
  const dir = join(root, name);
  const session = await graph.open();
  await writeSavedModel(dir, contents, session);
  await session.close();
  return dir;
}

test("Python's variables come by their names; of two with one name the second comes by its path", async () => {
  const variables = await readVariables(linear);
  assert.deepEqual(Object.fromEntries([...variables].map(([name, { value }]) => [name, value])), { Variable: f32([2, 1], 10, 1), calls: i64([], 0n) });
  assert.equal(variables.get('Variable')?.key, 'w/.ATTRIBUTES/VARIABLE_VALUE');
});

test('variables that we have written come by their keys, strings and int64 too', async () => {
  const variables = await readVariables(await written('mixed', mixedModel()));
  assert.deepEqual(Object.fromEntries([...variables].map(([name, { value }]) => [name, value])), {
    greeting: { dtype: 'string', shape: [], data: [Buffer.from('a greeting that is longer than twenty-two bytes to ')] },
    offset: i64([], -(2n ** 40n)),
    scale: f32([2], 0.5, -2),
  });
  assert.deepEqual([...(await readVariables(await written('plain', plainModel())))], []);
});

test('a model that was copied without its variables is refused, as is a folder that is not there', async () => {
  const dir = join(root, 'torn');
  cpSync(linear, dir, { recursive: true });
  rmSync(join(dir, 'variables'), { recursive: true });
  await assert.rejects(readVariables(dir), fails('FILE_NOT_FOUND', /variables\.index/));
  await assert.rejects(readVariables(join(root, 'nowhere')), fails('FILE_NOT_FOUND', /saved_model\.pb/));
  await assert.rejects(readVariables(linear, { tags: ['gpu'] }), fails('MODEL_INVALID', /no meta graph with the tags/));
});

test('a tfjs model takes the weights of its layers and predicts with them', async () => {
  const dir = await written('dense', denseModel([10, 1], -3));
  const tf = await loadTfjs();
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2], activation: 'sigmoid', name: 'dense' })] });
  const before = tf.memory().numTensors;
  assert.deepEqual(await importSavedModel(dir, model), [
    { weight: 'dense/kernel', variable: 'dense/kernel', key: 'dense/kernel', shape: [2, 1] },
    { weight: 'dense/bias', variable: 'dense/bias', key: 'dense/bias', shape: [1] },
  ]);
  assert.equal(tf.memory().numTensors, before);
  const y = tf.tidy(() => (model.predict(tf.tensor2d([[0.3, 0]])) as ReturnType<typeof tf.tensor>).dataSync());
  assert.deepEqual(y, new Float32Array([0.5]));
});

test('every weight without its variable is named at once, and then none is set', async () => {
  const dir = await written('dense-2', denseModel([10, 1], -3));
  const tf = await loadTfjs();
  const { dense } = tf.layers;
  const model = tf.sequential({ layers: [dense({ units: 1, inputShape: [2], name: 'dense' }), dense({ units: 1, name: 'more' })] });
  const initial = model.getWeights().map((weight) => weight.dataSync());
  const names = { 'more/kernel': 'dense/bias', 'dense/bias': 'lost' };
  await assert.rejects(importSavedModel(dir, model, { names }), (thrown: unknown) => {
    assert.ok(isMillraceError(thrown) && thrown.code === 'MODEL_INVALID');
    assert.deepEqual(thrown.details['problems'], [
      'weight "dense/bias": the SavedModel has no variable "lost"',
      'weight "more/bias": no variable fits',
      'weight "more/kernel": wanted float32[1, 1], the variable "dense/bias" is float32[1]',
    ]);
    return true;
  });
  assert.deepEqual(
    model.getWeights().map((weight) => weight.dataSync()),
    initial,
  );
  await assert.rejects(importSavedModel(dir, model, { name: {} } as object), fails('OPTION_INVALID', /name/));
});
