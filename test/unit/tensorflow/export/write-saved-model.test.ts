import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isMillraceError, type ErrorCode } from '../../../../src/core/index.js';
import { openSavedModelPredictor, writeSavedModel, type SavedModelContents, type TensorValue } from '../../../../src/tensorflow/index.js';
import { denseModel, f32, i64, mixedModel, plainModel, text, type ExportedModel } from './exported-models.js';

const root = mkdtempSync(join(tmpdir(), 'millrace-test-'));
after(() => rmSync(root, { recursive: true }));

const fails = (code: ErrorCode, message: RegExp) => (thrown: unknown) => {
  assert.ok(isMillraceError(thrown), String(thrown));
  assert.equal(thrown.code, code);
  assert.match(thrown.message, message);
  return true;
};

async function write(dir: string, { graph, contents }: ExportedModel, change: Partial<SavedModelContents> = {}): Promise<void> {
  const session = await graph.open();
  try {
    await writeSavedModel(dir, { ...contents, ...change }, session);
  } finally {
    await session.close();
  }
}

async function predict(dir: string, feeds: Record<string, TensorValue>, signature = 'serving_default'): Promise<Readonly<Record<string, TensorValue>>> {
  const predictor = await openSavedModelPredictor(dir, { signature });
  try {
    return await predictor.run(feeds);
  } finally {
    await predictor.close();
  }
}

test('a written model scores as its session does, with the values that the variables have when it is written', async () => {
  const dir = join(root, 'dense');
  const { graph, contents } = denseModel();
  graph.constant('other', f32([1], 2));
  graph.add({ name: 'train', op: 'AssignAddVariableOp', inputs: ['dense/bias', 'other'], attrs: { dtype: { value: { $case: 'type', value: 1 } } } });
  const session = await graph.open();
  const x = f32([3, 2], 0, 0, 0.1, 0.2, -1, 3);
  for (let i = 0; i < 2; i++) {
    await session.run({}, [], ['train']);
    await writeSavedModel(dir, contents, session);
    const { 'dense/sigmoid': y } = await session.run({ x }, ['dense/sigmoid']);
    assert.deepEqual(await predict(dir, { x }), { y });
    assert.deepEqual(readdirSync(join(dir, 'variables')).sort(), ['variables.data-00000-of-00001', 'variables.index']);
  }
  await session.close();
  assert.deepEqual(readdirSync(root), ['dense'], 'nothing is left beside the model');
});

test('strings, int64 and several signatures over the same variables', async () => {
  const dir = join(root, 'deep', 'mixed');
  await write(dir, mixedModel());
  assert.deepEqual(await predict(dir, { word: text([2], 'you', ''), id: i64([2], -1n, 5n), x: f32([2, 2], 1, 2, 3, 4) }), {
    greeting: {
      dtype: 'string',
      shape: [2],
      data: ['you', ''].map((word) => Buffer.from(`a greeting that is longer than twenty-two bytes to ${word}`)),
    },
    far: i64([2], -1n - 2n ** 40n, 5n - 2n ** 40n),
    scaled: f32([2, 2], 0.5, -4, 1.5, -8),
  });
  assert.deepEqual(await predict(dir, { id: i64([1], 7n) }, 'negate'), {
    id: i64([1], -7n),
    same: i64([1], 7n),
    offset: i64([], -(2n ** 40n)),
  });
});

test('a model without variables, and tags of one own', async () => {
  const dir = join(root, 'plain');
  await write(dir, plainModel(), { tags: ['serve', 'small'] });
  const predictor = await openSavedModelPredictor(dir, { tags: ['small', 'serve'] });
  assert.deepEqual(await predictor.run({ x: f32([1, 1, 2], 1, 2) }), { twice: f32([1, 1, 2], 2, 4) });
  await predictor.close();
});

test('a folder with something else in it stays as it is; an empty one and an older model are replaced', async () => {
  const dir = join(root, 'taken');
  mkdirSync(dir);
  await write(dir, denseModel());
  await write(dir, denseModel([0, 0], 0));
  assert.deepEqual(await predict(dir, { x: f32([1, 2], 5, 5) }), { y: f32([1, 1], 0.5) });

  const foreign = join(root, 'foreign');
  mkdirSync(foreign);
  writeFileSync(join(foreign, 'thesis.txt'), 'years of work');
  await assert.rejects(
    write(foreign, denseModel()),
    fails('MODEL_INVALID', /foreign.*not a SavedModel and not empty \(it has "thesis\.txt"\); choose another/),
  );
  assert.deepEqual(readdirSync(foreign), ['thesis.txt']);
  await assert.rejects(write(join(foreign, 'thesis.txt'), denseModel()), fails('MODEL_INVALID', /is a file; choose another folder/));
  await assert.rejects(write(join(foreign, 'thesis.txt', 'model'), denseModel()), fails('MODEL_INVALID', /is a file; choose another folder/));
});

test('where a variable cannot be saved, the older model stays and nothing is left beside it', async () => {
  const dir = join(root, 'kept');
  await write(dir, denseModel());
  const { graph, contents } = denseModel([0, 0], 0);
  const [kernel, bias] = contents.variables;
  assert.ok(kernel && bias);
  const variables = [kernel, { ...bias, sharedName: 'nobody' }];
  await assert.rejects(write(dir, { graph, contents }, { variables }), fails('TENSORFLOW', /nobody/));
  assert.deepEqual(await predict(dir, { x: f32([1, 2], 0.3, 0) }), { y: f32([1, 1], 0.5) });
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('kept')),
    ['kept'],
  );
});

test('all that is wrong with the contents is said at once, and nothing is written', async () => {
  const { graph, contents } = mixedModel();
  const [serving, negate] = contents.signatures;
  assert.ok(serving && negate);
  const bad = write(
    join(root, 'bad'),
    { graph, contents },
    {
      tags: [],
      variables: [
        ...contents.variables.filter(({ key }) => key !== 'offset'),
        { key: 'scale', handle: 'nowhere', sharedName: 'x', dtype: 'float32', shape: [] },
      ],
      signatures: [
        { ...serving, inputs: serving.inputs.filter(({ name }) => name !== 'word') },
        { ...negate, name: 'serving_default', outputs: [] },
        { name: '__saved_model_init_op', inputs: [], outputs: [{ name: 'a', tensor: 'lost:1', dtype: 'float32', shape: [] }] },
        { name: 'dtype', inputs: [{ name: 'id', tensor: 'id', dtype: 'int32', shape: [-1] }], outputs: negate.outputs },
      ],
    },
  );
  await assert.rejects(bad, (thrown: unknown) => {
    assert.ok(isMillraceError(thrown));
    assert.deepEqual(thrown.details['problems'], [
      'it needs at least one tag',
      'the signature "serving_default" is there twice',
      'signature "serving_default" needs the placeholder "word", which is none of its inputs',
      'signature "serving_default" has no outputs',
      'signature "__saved_model_init_op", "a": the graph has no tensor "lost:1"',
      'signature "__saved_model_init_op": the name is reserved',
      'signature "dtype", "id": int32[?], but the placeholder "id" has another dtype',
      'the key "scale" is there twice',
      'variable "scale": the graph has no VarHandleOp "nowhere"',
      'the signatures use the variable "offset", which is not listed and would stay without a value',
    ]);
    return true;
  });
  assert.ok(!readdirSync(root).includes('bad'));
});
