import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isMillraceError, type ErrorCode } from '../../../../src/core/index.js';
import { openSavedModelPredictor, type TensorValue } from '../../../../src/tensorflow/index.js';

const linear = fileURLToPath(new URL('../../../../../test/fixtures/saved-models/linear', import.meta.url));
const f32 = (shape: number[], ...data: number[]): TensorValue => ({ dtype: 'float32', shape, data: new Float32Array(data) });

const fails = (code: ErrorCode, message: RegExp) => (thrown: unknown) => {
  assert.ok(isMillraceError(thrown));
  assert.equal(thrown.code, code);
  assert.match(thrown.message, message);
  return true;
};

test('a SavedModel of Python TensorFlow scores by the names of its signature', async () => {
  const predictor = await openSavedModelPredictor(linear);
  assert.deepEqual(predictor.signature, {
    name: 'serving_default',
    inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 1] }],
  });
  assert.deepEqual(await predictor.run({ x: f32([2, 2], 1, 2, 3, 4) }), { y: f32([2, 1], 12, 34) });
  await predictor.close();
});

test('feeds that do not fit the signature are all named, with what came and what is wanted', async () => {
  const predictor = await openSavedModelPredictor(linear);
  await assert.rejects(predictor.run({ x: f32([1, 3], 1, 2, 3) }), fails('SHAPE_MISMATCH', /input "x": got float32\[1, 3\], wanted float32\[\?, 2\]/));
  await assert.rejects(
    predictor.run({ x: { dtype: 'int32', shape: [1, 2], data: new Int32Array(2) } }),
    fails('SHAPE_MISMATCH', /got int32\[1, 2\], wanted float32\[\?, 2\]/),
  );
  await assert.rejects(predictor.run({ z: f32([1], 1) }), fails('SHAPE_MISMATCH', /input "x" is missing.*unknown input "z"; the signature has "x"/));
  await predictor.close();
});

test('a folder, tag or signature that is not there is one clear error', async () => {
  await assert.rejects(openSavedModelPredictor('/nowhere'), fails('FILE_NOT_FOUND', /\/nowhere\/saved_model\.pb/));
  await assert.rejects(
    openSavedModelPredictor(linear, { signature: 'train' }),
    fails('MODEL_INVALID', /no signature "train"; it has "count", "serving_default"|"serving_default", "count"/),
  );
  await assert.rejects(openSavedModelPredictor(linear, { tags: ['gpu'] }), fails('MODEL_INVALID', /no meta graph with the tags \[gpu\]; it has \[serve\]/));
});

test('a file that is no SavedModel is refused as such', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  writeFileSync(join(folder, 'saved_model.pb'), Buffer.alloc(100, 0xff));
  await assert.rejects(openSavedModelPredictor(folder), fails('FORMAT_INVALID', /not a SavedModel/));
  rmSync(folder, { recursive: true });
});
