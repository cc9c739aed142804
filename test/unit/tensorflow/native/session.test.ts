import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isMillraceError } from '../../../../src/core/index.js';
import { attr, GraphDefBuilder, NativeSession, type TensorValue } from '../../../../src/tensorflow/index.js';

const f32 = (shape: number[], ...data: number[]): TensorValue => ({ dtype: 'float32', shape, data: new Float32Array(data) });

/** y = x * w (w a variable), `remember` assigns what is fed to w, `noise` passes x through. */
function linearGraph(): Uint8Array {
  const graph = new GraphDefBuilder();
  const T = attr.type('float32');
  graph.placeholder('x', 'float32', [-1, 2]);
  graph.placeholder('new_w', 'float32', [2, 1]);
  graph.add({ name: 'w', op: 'VarHandleOp', attrs: { dtype: T, shape: attr.shape([2, 1]), shared_name: attr.string('w'), container: attr.string('') } });
  graph.constant('w0', f32([2, 1], 10, 1));
  graph.add({ name: 'init', op: 'AssignVariableOp', inputs: ['w', 'w0'], attrs: { dtype: T } });
  graph.add({ name: 'remember', op: 'AssignVariableOp', inputs: ['w', 'new_w'], attrs: { dtype: T } });
  graph.add({ name: 'read', op: 'ReadVariableOp', inputs: ['w'], attrs: { dtype: T } });
  graph.add({ name: 'y', op: 'MatMul', inputs: ['x', 'read'], attrs: { T } });
  graph.identity('same', 'x', 'float32');
  return graph.serialize();
}

let session: NativeSession;
before(async () => {
  session = await NativeSession.fromGraphDef(linearGraph(), { init: ['init'] });
});
after(() => session.close());

test('a graph runs asynchronously and synchronously with the same result', async () => {
  const x = f32([2, 2], 1, 2, 3, 4);
  const expected = { y: f32([2, 1], 12, 34) };
  assert.deepEqual(await session.run({ x }, ['y']), expected);
  assert.deepEqual(session.runSync({ x }, ['y']), expected);
});

test('an empty batch gives an empty result', async () => {
  assert.deepEqual(await session.run({ x: f32([0, 2]) }, ['y:0']), { 'y:0': f32([0, 1]) });
});

test('many runs at once all come back with their own values', async () => {
  const runs = Array.from({ length: 300 }, (_, i) => session.run({ x: f32([1, 2], i, 0) }, ['y']));
  const results = await Promise.all(runs);
  assert.deepEqual(
    results.map(({ y }) => (y as TensorValue).data[0]),
    results.map((_, i) => 10 * i),
  );
});

test('a value fed into an assignment is kept, not the memory that it came from', async () => {
  const own = await NativeSession.fromGraphDef(linearGraph(), { init: ['init'] });
  const bytes = new SharedArrayBuffer(64);
  const data = new Float32Array(bytes, 0, 2);
  data.set([5, 6]);
  await own.run({ new_w: { dtype: 'float32', shape: [2, 1], data } }, [], ['remember']);
  data.fill(0);
  assert.deepEqual(await own.run({ x: f32([1, 2], 1, 1) }, ['y']), { y: f32([1, 1], 11) });
  await own.close();
});

test('a large feed in shared memory gives the same result as a copied one', async () => {
  const rows = 4096;
  const memory = new SharedArrayBuffer(rows * 8 + 64);
  const shared = new Float32Array(memory, 0, rows * 2);
  for (let i = 0; i < shared.length; i++) shared[i] = i;
  const copied = Float32Array.from(shared);
  const run = (data: Float32Array) => session.run({ x: { dtype: 'float32', shape: [rows, 2], data } }, ['y', 'same']);
  assert.deepEqual(await run(shared), await run(copied));
});

test('a name that the graph lacks is an error before anything runs', async () => {
  await assert.rejects(
    session.run({ z: f32([1], 1) }, ['y:3'], ['nothing']),
    (thrown: unknown) => isMillraceError(thrown) && thrown.code === 'MODEL_INVALID' && /feed "z".*fetch "y:3".*target "nothing"/.test(thrown.message),
  );
});

test("TensorFlow's refusal comes back in its own words and the session goes on", async () => {
  await assert.rejects(session.run({ x: f32([1, 3], 1, 2, 3) }, ['y']), (thrown: unknown) => isMillraceError(thrown) && thrown.code === 'TENSORFLOW');
  assert.deepEqual(await session.run({ x: f32([1, 2], 1, 0) }, ['y']), { y: f32([1, 1], 10) });
});

test('data that does not fit its shape is refused', async () => {
  await assert.rejects(session.run({ x: f32([2, 2], 1) }, ['y']), /feed "x": float32\[2, 2\] needs 4 elements, got 1/);
});

test('close waits for runs in flight, and later runs are refused', async () => {
  const own = await NativeSession.fromGraphDef(linearGraph(), { init: ['init'] });
  const runs = Array.from({ length: 100 }, () => own.run({ x: f32([1, 2], 1, 0) }, ['y']));
  let settled = 0;
  for (const run of runs) void run.then(() => (settled += 1));
  await own.close();
  await Promise.all(runs);
  assert.equal(settled, 100);
  await assert.rejects(own.run({ x: f32([1, 2], 1, 0) }, ['y']), /closed/);
});

test('a session may have thread pools of its own; an unknown option is refused', async () => {
  const own = await NativeSession.fromGraphDef(linearGraph(), { init: ['init'], threads: { intraOp: 1, interOp: 2 } });
  assert.deepEqual(own.runSync({ x: f32([1, 2], 1, 1) }, ['y']), { y: f32([1, 1], 11) });
  await own.close();
  const options = { thread: 2 };
  await assert.rejects(
    NativeSession.fromGraphDef(linearGraph(), options as object),
    (thrown: unknown) => isMillraceError(thrown) && thrown.code === 'OPTION_INVALID',
  );
});

test('a graph that TensorFlow refuses, or an init that fails, leaves no session', async () => {
  const graph = new GraphDefBuilder();
  graph.add({ name: 'a', op: 'NoSuchOperation' });
  await assert.rejects(
    NativeSession.fromGraphDef(graph.serialize()),
    (thrown: unknown) => isMillraceError(thrown) && thrown.code === 'MODEL_INVALID' && /NoSuchOperation/.test(thrown.message),
  );
  await assert.rejects(NativeSession.fromGraphDef(linearGraph(), { init: ['nothing'] }), /target "nothing"/);
});
