import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadTfjs, trace } from '../../../../src/tensorflow/index.js';
import type { Tensor } from '../../../../src/tensorflow/model/tfjs-types.js';

const tf = await loadTfjs();
const values = [-2, -0.7, -0.1, 0.3, 0.9, 6, 7];

/** Asserts that a function of a vector gives what eager tfjs gives. */
async function agrees(fn: (x: Tensor) => Tensor): Promise<void> {
  const x = tf.tensor1d(values);
  const f = await trace(fn as never, x);
  const wanted = tf.tidy(() => fn(x)).dataSync();
  const { data } = (f as never as { valuesSync(x: Tensor): { data: Float32Array } }).valuesSync(x);
  wanted.forEach((value, i) =>
    assert.ok(Math.abs(data[i]! - value) <= 1e-5 * Math.max(1, Math.abs(value)), `at ${values[i]}: ${data[i]}, eager gives ${value}`),
  );
  assert.ok(wanted.some((value) => value !== 0));
  await f.close();
  x.dispose();
}

const functions: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.relu6(x),
  leakyRelu: (x) => tf.leakyRelu(x, 0.1),
  sigmoid: (x) => tf.sigmoid(x),
  tanh: (x) => tf.tanh(x),
  softplus: (x) => tf.softplus(x),
  sqrt: (x) => tf.sqrt(tf.add(tf.abs(x), 1)),
  rsqrt: (x) => tf.rsqrt(tf.add(tf.square(x), 1)),
  elu: (x) => tf.elu(x),
  selu: (x) => tf.selu(x),
};

describe('gradients in a traced function', () => {
  for (const [name, fn] of Object.entries(functions)) {
    it(`of ${name}`, () => agrees(tf.grad((x) => tf.sum(fn(x)))));
    // Squared, so that what is piecewise linear has a second derivative too.
    it(`of the gradient of ${name}`, () => agrees(eagerHas(fn) ? twice(fn) : tf.grad((x) => tf.sum(tf.square(fn(x))))));
  }

  it('of tile at any number of repetitions, and of its gradient', async () => {
    await agrees(tf.grad((x) => tf.sum(tf.square(tf.tile(x, [3])))));
    await agrees(twice((x) => tf.tile(x, [3])));
  });

  it('of a function with a gradient of its own', async () => {
    const clipped = tf.customGrad((x, save) => {
      (save as (tensors: unknown[]) => void)([x]);
      return { value: tf.square(x as Tensor), gradFunc: (dy: Tensor, saved: Tensor[]) => tf.mul(tf.clipByValue(dy, -0.5, 0.5), saved[0]!) };
    });
    await agrees(tf.grad((x) => tf.sum(clipped(x))));
  });

  it('of several inputs, with a gradient to begin with', async () => {
    await agrees((x) => {
      const [dx, dy] = tf.grads((a, b) => tf.mul(tf.tanh(a), tf.exp(tf.tanh(b))))([x, tf.mul(x, 2)], tf.mul(x, 3)) as [Tensor, Tensor];
      return tf.add(dx, dy);
    });
  });
});

function twice(fn: (x: Tensor) => Tensor): (x: Tensor) => Tensor {
  return tf.grad((x) => tf.sum(tf.square(tf.grad((y) => tf.sum(tf.square(fn(y))))(x))));
}

function eagerHas(fn: (x: Tensor) => Tensor): boolean {
  try {
    tf.tidy(() => twice(fn)(tf.tensor1d(values)));
    return true;
  } catch {
    return false;
  }
}
