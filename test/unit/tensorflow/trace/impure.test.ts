import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadTfjs, trace } from '../../../../src/tensorflow/index.js';
import type { Tensor } from '../../../../src/tensorflow/model/tfjs-types.js';
import { isMillraceError } from '../../../../src/core/index.js';

const tf = await loadTfjs();
const example = tf.ones([4, 2]);

/** Asserts that no graph can follow a function, and that the error says why, where, and on which line of this file. */
async function refuses(fn: (x: Tensor) => unknown, says: RegExp, kept = 0): Promise<void> {
  const before = tf.memory().numTensors;
  await assert.rejects(trace(fn as never, example), (error: unknown) => {
    assert.ok(isMillraceError(error) && error.code === 'UNSUPPORTED', String(error));
    assert.match(error.message, says);
    return true;
  });
  assert.equal(tf.memory().numTensors, before + kept, 'a refused trace keeps no tensors');
}

const at = (text: string): RegExp => new RegExp(`(?=.*${text})(?=.* at .*impure[.]test[.]js:[0-9]+:[0-9]+)`, 's');

describe('a function that no graph can follow is refused', () => {
  it('where it reads back what depends on an input, naming scope and line', () =>
    refuses((x) => tf.mul(x, tf.sum(x).dataSync()[0]!), at('JavaScript reads a value')));
  it('where it reads an input that no operation has used', () => refuses((x) => tf.mul(x, x.dataSync()[0]!), at('JavaScript reads a value')));
  it('where it reads back a variable', async () => {
    const v = tf.variable(tf.scalar(1));
    await refuses((x) => tf.mul(x, v.dataSync()[0]!), at('JavaScript reads a value'));
    v.dispose();
  });
  it('where it branches on random numbers', () => refuses((x) => (tf.randomUniform([1]).dataSync()[0]! > 0.5 ? x : tf.neg(x)), at('JavaScript reads a value')));
  it('where an operation reads values back, naming it', () => refuses((x) => tf.unique(tf.reshape(x, [-1])).values, /Unique.*depends on values/s));
  it('where Math.random makes a constant', () => refuses((x) => tf.mul(x, tf.scalar(Math.random())), at('differs from run to run')));
  it('where a counter makes a constant', () => {
    let count = 0;
    return refuses((x) => tf.add(x, tf.scalar(count++)), at('differs from run to run'));
  });
  it('where values that are drawn in JavaScript are not of a known distribution', () =>
    refuses((x) => tf.add(x, tf.randomGamma([2], 1)), /randomGamma.*differs from run to run/s));
  // Variables are the function's own to keep.
  it('where it makes a variable in every call', () => refuses((x) => tf.add(x, tf.variable(tf.ones([2]))), /makes a variable .* in every call/, 2));
  it('where it does something else from call to call', () => {
    let count = 0;
    return refuses((x) => (count++ % 2 === 0 ? tf.neg(x) : tf.exp(x)), /does Neg in one call but Exp in the next|does Exp in one call but Neg in the next/);
  });
  it('where its operations follow the number of rows', () =>
    refuses((x) => tf.addN(tf.unstack(x)), /for 2 rows but .* for 3|attributes that depend on the batch size/));
  it('where a constant follows the rows in a way of its own', () =>
    refuses((x) => tf.mul(x, tf.scalar(x.shape[0] ** 3)), /follows the batch size in a way that is not understood/));
  it('where it works for some numbers of rows only', () =>
    refuses((x) => {
      if (x.shape[0] !== 4) throw new Error('four rows, please');
      return x;
    }, /fails for 2 rows: four rows, please.*batch: 'none'/));
  it('where it gives something else than tensors', () => refuses(() => 5, /gives tensors/));
});

describe('errors of a function', () => {
  it('pass through', async () => {
    const own = new RangeError('mine');
    const fails = (): Tensor => {
      throw own;
    };
    await assert.rejects(trace(fails as never, example), (error) => error === own);
  });
  it('of tfjs pass through', async () => {
    await assert.rejects(trace(((x: Tensor) => tf.matMul(x, x)) as never, example), /size-incompatible|inner/i);
  });
  it('restore tfjs: gradients, kernels, random numbers', async () => {
    const [random, gradient] = [Math.random, tf.getGradient('Relu')];
    await assert.rejects(trace(((x: Tensor) => tf.matMul(x, tf.randomNormal([5, 5]))) as never, example));
    assert.equal(Math.random, random);
    assert.equal(tf.getGradient('Relu'), gradient);
    assert.equal(
      tf.tidy(() => tf.add(1, 2).dataSync()[0]),
      3,
    );
  });
});

describe('constants', () => {
  it('that follow the rows are understood: counts, their reciprocals, ranges, ones, repeated rows', async () => {
    const f = await trace((x: Tensor) => {
      const rows = x.shape[0];
      const row = tf.tensor(Array.from({ length: rows }, () => [1, 2]));
      return tf.add(tf.mul(tf.add(x, tf.ones([rows, 2])), 3 / rows), tf.mul(row, tf.reshape(tf.range(5, 5 + rows * 2, 2), [rows, 1])));
    }, example); // prettier-ignore
    for (const rows of [1, 4, 7, 33]) {
      const x = tf.ones([rows, 2]);
      const y = f.sync(x);
      const wanted = Array.from({ length: rows }, (_, i) => [6 / rows + 5 + 2 * i, 6 / rows + 10 + 4 * i]).flat();
      y.dataSync().forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) < 1e-5, `${rows} rows, value ${i}: ${value}, not ${wanted[i]}`));
      tf.dispose([x, y]);
    }
    await f.close();
  });
  it('kept outside keep the value that they had', async () => {
    const kept = tf.scalar(3);
    const f = await trace((x: Tensor) => tf.mul(x, kept), example);
    kept.dispose();
    assert.deepEqual(f.valuesSync(example).data, new Float32Array(8).fill(3));
    await f.close();
  });
});
