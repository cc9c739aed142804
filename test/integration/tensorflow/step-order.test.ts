import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTrainStep, loadTfjs, type TensorValue } from '../../../src/tensorflow/index.js';

const rows = 256;
const steps = 500;

// Both losses are linear: their gradients do not depend on the variable, so nothing but order keeps reads before writes.
test('a loss is that of the variables before the step, whatever its gradients depend on', { timeout: 60_000 }, async () => {
  const tf = await loadTfjs();
  const ones: TensorValue = { dtype: 'float32', shape: [rows], data: new Float32Array(rows).fill(1) };
  const indices: TensorValue = { dtype: 'int32', shape: [rows], data: Int32Array.from({ length: rows }, (_, i) => i) };
  const table = tf.variable(tf.zeros([rows, 1]));
  const scale = tf.variable(tf.zeros([1]));
  const cases = [
    { name: 'gathered rows', forward: (at: ReturnType<Tfjs['tensor1d']>) => tf.gather(table, at), labels: { ...ones, shape: [rows, 1] }, inputs: indices, perStep: 1 / rows },
    { name: 'a whole variable', forward: (x: ReturnType<Tfjs['tensor1d']>) => tf.mul(scale, x), labels: ones, inputs: ones, perStep: 1 },
  ]; // prettier-ignore
  for (const { name, forward, inputs, labels, perStep } of cases) {
    const step = await compileTrainStep(forward, (weights, outputs) => tf.mean(tf.mul(outputs, weights)), tf.train.sgd(1));
    for (let i = 0; i < steps; i++) {
      const { loss } = step.valuesSync(inputs, labels);
      const got = loss.data[0];
      // Exact: all numbers are multiples of 1/256. Not assert.equal, which tells 0 from -0.
      assert.ok(got === -i * perStep, `${name}, step ${i}: ${String(got)} instead of ${-i * perStep}`);
    }
    assert.equal(step.stats.eagerCalls, 0);
    await step.close();
  }
  tf.dispose([table, scale]);
});

type Tfjs = Awaited<ReturnType<typeof loadTfjs>>;
