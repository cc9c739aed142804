import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { attr, GraphDefBuilder, NativeSession, type TensorValue } from '../../../src/tensorflow/index.js';
import { readSignature } from '../../../src/tensorflow/saved-model/read-saved-model.js';
import type { ThreadTask } from './session-thread.js';

const linear = fileURLToPath(new URL('../../../../test/fixtures/saved-models/linear', import.meta.url));

function start(task: ThreadTask): Worker {
  return new Worker(new URL('./session-thread.js', import.meta.url), { workerData: task });
}

/** A counter in a variable, and a matrix product that takes about a second. */
function counterGraph(): Uint8Array {
  const graph = new GraphDefBuilder();
  const int64 = attr.type('int64');
  graph.add({ name: 'v', op: 'VarHandleOp', attrs: { dtype: int64, shape: attr.shape([]), shared_name: attr.string('v'), container: attr.string('') } });
  graph.constant('zero', { dtype: 'int64', shape: [], data: new BigInt64Array([0n]) });
  graph.constant('one', { dtype: 'int64', shape: [], data: new BigInt64Array([1n]) });
  graph.add({ name: 'init', op: 'AssignVariableOp', inputs: ['v', 'zero'], attrs: { dtype: int64 } });
  graph.add({ name: 'add', op: 'AssignAddVariableOp', inputs: ['v', 'one'], attrs: { dtype: int64 } });
  graph.add({ name: 'count', op: 'ReadVariableOp', inputs: ['v', '^add'], attrs: { dtype: int64 } });
  graph.add({ name: 'now', op: 'ReadVariableOp', inputs: ['v'], attrs: { dtype: int64 } });
  return graph.serialize();
}

function slowGraph(): Uint8Array {
  const graph = new GraphDefBuilder();
  const T = attr.type('float32');
  graph.constant('size', { dtype: 'int32', shape: [2], data: new Int32Array([3000, 3000]) });
  graph.add({ name: 'random', op: 'RandomUniform', inputs: ['size'], attrs: { T: attr.type('int32'), dtype: T, seed: attr.int(1), seed2: attr.int(2) } });
  graph.add({ name: 'once', op: 'MatMul', inputs: ['random', 'random'], attrs: { T } });
  graph.add({ name: 'twice', op: 'MatMul', inputs: ['once', 'random'], attrs: { T } });
  graph.constant('axes', { dtype: 'int32', shape: [2], data: new Int32Array([0, 1]) });
  graph.add({ name: 'slow', op: 'Sum', inputs: ['twice', 'axes'], attrs: { T, Tidx: attr.type('int32'), keep_dims: attr.bool(false) } });
  return graph.serialize();
}

const valueOf = (value: TensorValue | undefined): unknown => value?.data[0];

test('threads that open the same SavedModel share its variables, and the last to close frees them', { timeout: 60_000 }, async () => {
  const { outputTensors } = await readSignature(linear, { tags: ['serve'], signature: 'count' });
  const tensor = outputTensors.get('calls') as string;
  const threads = [1, 2, 3].map(() => start({ kind: 'count', dir: linear, tensor, times: 10 }));
  const session = await NativeSession.openSavedModel(linear, { shared: true });
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  assert.equal(valueOf((await session.run({}, [tensor]))[tensor]), 31n);
  const ended = Promise.all(threads.map((thread) => once(thread, 'exit')));
  for (const thread of threads) thread.postMessage('close');
  await ended;
  assert.equal(valueOf((await session.run({}, [tensor]))[tensor]), 32n, 'the session lives on for those who hold it');
  await session.close();
  const fresh = await NativeSession.openSavedModel(linear, { shared: true });
  assert.equal(valueOf((await fresh.run({}, [tensor]))[tensor]), 1n, 'after the last one has closed it is loaded again');
  await fresh.close();
});

test('a session that is not shared has variables of its own', async () => {
  const { outputTensors } = await readSignature(linear, { tags: ['serve'], signature: 'count' });
  const tensor = outputTensors.get('calls') as string;
  const [one, other] = await Promise.all([1, 2].map(() => NativeSession.openSavedModel(linear, { shared: false })));
  for (const session of [one, other]) {
    assert.equal(valueOf((await session!.run({}, [tensor]))[tensor]), 1n);
    await session!.close();
  }
});

test('a handle carries a session to another thread, which may outlive the first one', { timeout: 60_000 }, async () => {
  const session = await NativeSession.fromGraphDef(counterGraph(), { init: ['init'] });
  const thread = start({ kind: 'attach', handle: session.share(), fetch: 'count', times: 50 });
  for (let i = 0; i < 50; i++) await session.run({}, ['count']);
  await once(thread, 'message');
  assert.equal(valueOf((await session.run({}, ['now']))['now']), 100n);
  const late = start({ kind: 'attach', handle: session.share(), fetch: 'count', times: 50 });
  await session.close();
  const [code] = (await once(late, 'exit')) as [number];
  assert.equal(code, 0);
});

test('timers go on while a long call runs', { timeout: 60_000 }, async () => {
  const session = await NativeSession.fromGraphDef(slowGraph());
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 5);
  const begun = performance.now();
  await session.run({}, ['slow']);
  const tookMs = performance.now() - begun;
  clearInterval(timer);
  await session.close();
  // A blocked loop ticks once at most.
  assert.ok(ticks > tookMs / 50, `${ticks} ticks in ${tookMs.toFixed(0)} ms`);
});

test('a thread that is terminated in the middle of a call takes nobody with it', { timeout: 60_000 }, async () => {
  for (let i = 0; i < 3; i++) {
    const thread = start({ kind: 'hang', graphDef: slowGraph(), fetch: 'slow' });
    await once(thread, 'message');
    await thread.terminate();
  }
  const session = await NativeSession.fromGraphDef(counterGraph(), { init: ['init'] });
  assert.equal(valueOf((await session.run({}, ['count']))['count']), 1n);
  await session.close();
});

test('four threads start tfjs-node at once', { timeout: 120_000 }, async () => {
  const sums = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const [sum] = (await once(start({ kind: 'tfjs' }), 'message')) as [number];
      return sum;
    }),
  );
  assert.deepEqual(sums, [3, 3, 3, 3]);
});
