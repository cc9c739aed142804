import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { attachTraced, compilePredict, compileTrainStep, loadTfjs, trace, type TensorValue } from '../../../src/tensorflow/index.js';
import type { TracedAnswer, TracedTask } from './traced-thread.js';

const tf = await loadTfjs();

async function inThread(task: TracedTask): Promise<TracedAnswer> {
  const thread = new Worker(new URL('./traced-thread.js', import.meta.url), { workerData: task });
  const [answer] = (await once(thread, 'message')) as [TracedAnswer];
  await once(thread, 'exit');
  return answer;
}

function vector(...data: readonly number[]): TensorValue {
  return { dtype: 'float32', shape: [data.length], data: Float32Array.from(data) };
}

/** w starts at 0; a step subtracts the learning rate times the mean of the inputs. */
async function linearStep() {
  const w = tf.variable(tf.zeros([1]));
  const optimizer = tf.train.sgd(0.5);
  const step = await compileTrainStep(
    (x: TensorLike) => tf.mul(w, x),
    (weights, outputs) => tf.mean(tf.mul(outputs, weights)),
    optimizer,
  );
  return { w, step };
}

const options = { timeout: 60_000 };

test('a step that another thread runs moves the variables of its owner, who sees it whenever it reads', options, async () => {
  const { w, step } = await linearStep();
  const ones = vector(1, 1, 1);
  step.valuesSync(ones, ones);
  assert.equal(w.dataSync()[0], -0.5);
  const answer = await inThread({ handle: step.share(), inputs: [ones, ones], times: 4 });
  assert.deepEqual(answer, { result: { loss: { dtype: 'float32', shape: [], data: Float32Array.of(-2) } } });
  assert.equal(w.dataSync()[0], -2.5);
  await inThread({ handle: step.share(), inputs: [ones, ones], times: 1, blocking: true });
  assert.equal(w.dataSync()[0], -3, 'read again without a call of its own in between');
  assert.equal(
    tf.tidy(() => tf.add(w, 1).dataSync()[0]),
    -2,
    'in an operation',
  );
  assert.equal(step.readVariables()[w.name]?.data[0], -3);
  w.assign(tf.tensor1d([10]));
  assert.equal(step.valuesSync(ones, ones).loss.data[0], 10, 'what its owner assigns is what counts');
  await step.close();
  assert.equal(w.dataSync()[0], 9.5);
  w.dispose();
});

test('a handle keeps the learning rate of when it was made, and a thread may set another', options, async () => {
  const { w, step } = await linearStep();
  const ones = vector(1, 1);
  step.valuesSync(ones, ones);
  await inThread({ handle: step.share(), inputs: [ones, ones], times: 1, learningRate: 2 });
  assert.equal(w.dataSync()[0], -2.5);
  const attached = attachTraced(step.share());
  assert.throws(() => attached.set('learning', 1), { code: 'OPTION_INVALID', message: /it has learningRate/ });
  await attached.close();
  await step.close();
  w.dispose();
});

test('a function that another thread attached outlives its owner', options, async () => {
  const scale = tf.variable(tf.tensor1d([3]));
  const scaled = await trace((x: TensorLike) => ({ by: tf.mul(x, scale) }), tf.tensor1d([1, 2]));
  const attached = attachTraced(structuredClone(scaled.share()));
  await scaled.close();
  assert.deepEqual(attached.valuesSync(vector(1, 2, 3, 4)), { by: vector(3, 6, 9, 12) });
  assert.deepEqual(await attached.values(vector(5)), { by: vector(15) });
  await attached.close();
  scale.dispose();
});

test('shapes that were not traced are refused with those that were', options, async () => {
  const scaled = await trace(({ a, b }: { a: TensorLike; b: TensorLike }) => tf.mul(a, b), { a: tf.zeros([2, 3]), b: tf.zeros([2, 3]) });
  const attached = attachTraced(scaled.share());
  const matrix = (rows: number, columns: number): TensorValue => ({ dtype: 'float32', shape: [rows, columns], data: new Float32Array(rows * columns) });
  const refused = { code: 'SHAPE_MISMATCH', message: /float32\[\?, 3\], float32\[\?, 3\]/ };
  assert.throws(() => attached.valuesSync({ a: matrix(2, 4), b: matrix(2, 4) }), refused);
  assert.throws(() => attached.valuesSync({ a: matrix(2, 3), b: matrix(1, 3) }), refused, 'one number of rows for all');
  await assert.rejects(attached.values({ a: matrix(2, 3) }), refused);
  assert.deepEqual(attached.valuesSync({ a: matrix(4, 3), b: matrix(4, 3) }), matrix(4, 3));
  await attached.close();
  await scaled.close();
});

test('what is not traced yet, or closed, cannot be shared', options, async () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  const predict = await compilePredict(model);
  assert.throws(() => predict.share(), { code: 'UNSUPPORTED', message: /call it once/ });
  await predict.close();
  assert.throws(() => predict.share(), { code: 'TENSORFLOW' });
  model.dispose();
});

type TensorLike = ReturnType<typeof tf.zeros>;
