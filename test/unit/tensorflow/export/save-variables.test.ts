import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isMillraceError, type ErrorCode } from '../../../../src/core/index.js';
import { attr, GraphDefBuilder, NativeSession, saveVariables, type TensorValue } from '../../../../src/tensorflow/index.js';
import { f32, i64, ModelGraph } from './exported-models.js';

const root = mkdtempSync(join(tmpdir(), 'millrace-test-'));
after(() => rmSync(root, { recursive: true }));

const fails = (code: ErrorCode, message: RegExp) => (thrown: unknown) => {
  assert.ok(isMillraceError(thrown), String(thrown));
  assert.equal(thrown.code, code);
  assert.match(thrown.message, message);
  return true;
};

/** What TensorFlow restores from `prefix`, in a graph of its own. */
async function restore(prefix: string, key: string, dtype: 'float32' | 'int64'): Promise<TensorValue | undefined> {
  const graph = new GraphDefBuilder();
  graph.constant('prefix', { dtype: 'string', shape: [], data: [prefix] });
  graph.constant('keys', { dtype: 'string', shape: [1], data: [key] });
  graph.constant('slices', { dtype: 'string', shape: [1], data: [''] });
  graph.add({ name: 'value', op: 'RestoreV2', inputs: ['prefix', 'keys', 'slices'], attrs: { dtypes: attr.types([dtype]) } });
  const session = await NativeSession.fromGraphDef(graph.serialize());
  try {
    return (await session.run({}, ['value']))['value'];
  } finally {
    await session.close();
  }
}

test('each save has the values of its moment, under the keys that were asked for', async () => {
  const graph = new ModelGraph();
  graph.variable('w', f32([2], 1, 2));
  graph.variable('n', i64([], 7n));
  graph.constant('one', f32([2], 1, 1));
  graph.add({ name: 'step', op: 'AssignAddVariableOp', inputs: ['w', 'one'], attrs: { dtype: attr.type('float32') } });
  const session = await graph.open();
  const variables = graph.variables.map((variable) => ({ ...variable, key: `model/${variable.key}` }));
  const first = join(root, 'deep', 'first');
  const second = join(root, 'second');
  await saveVariables(session, first, variables);
  await session.run({}, [], ['step']);
  await saveVariables(session, second, variables);
  assert.deepEqual(await restore(first, 'model/w', 'float32'), f32([2], 1, 2));
  assert.deepEqual(await restore(second, 'model/w', 'float32'), f32([2], 2, 3));
  assert.deepEqual(await restore(second, 'model/n', 'int64'), i64([], 7n));
  await session.run({}, [], ['step']);
  await saveVariables(session, first, variables);
  assert.deepEqual(await restore(first, 'model/w', 'float32'), f32([2], 3, 4), 'files of the name are replaced');
  await session.close();
});

test('two threads may save the same session: their nodes do not collide', async () => {
  const graph = new ModelGraph();
  graph.variable('w', f32([1], 5));
  const session = await graph.open();
  const other = NativeSession.attach(session.share());
  await Promise.all([saveVariables(session, join(root, 'a'), graph.variables), saveVariables(other, join(root, 'b'), graph.variables)]);
  await other.close();
  await session.close();
  for (const name of ['a', 'b']) assert.deepEqual(await restore(join(root, name), 'w', 'float32'), f32([1], 5));
});

test('nothing to save, a key twice, a variable of another dtype or none are errors', async () => {
  const graph = new ModelGraph();
  graph.variable('w', f32([1], 5));
  const [w] = graph.variables;
  assert.ok(w);
  const session = await graph.open();
  const prefix = join(root, 'bad');
  await assert.rejects(saveVariables(session, prefix, []), fails('MODEL_INVALID', /there are none/));
  await assert.rejects(saveVariables(session, prefix, [w, w]), fails('MODEL_INVALID', /the key "w" is there twice/));
  await assert.rejects(saveVariables(session, prefix, [{ ...w, dtype: 'int64' }]), fails('TENSORFLOW', /dtype/));
  await assert.rejects(saveVariables(session, prefix, [{ ...w, sharedName: 'lost' }]), fails('TENSORFLOW', /lost/));
  await assert.rejects(saveVariables(session, '/dev/null/folder/v', [w]), fails('IO_FAILED', /dev.null.folder/));
  assert.ok(!existsSync(`${prefix}.index`));
  await session.close();
});
