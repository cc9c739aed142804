import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { loadTfjs, trace } from '../../../../src/tensorflow/index.js';
import type { Tensor, Variable } from '../../../../src/tensorflow/model/tfjs-types.js';

const tf = await loadTfjs();
const x = tf.ones([4, 2]);
after(() => x.dispose());

function variable(values: readonly number[], name?: string): Variable {
  return tf.variable(tf.tensor1d([...values]), true, name);
}

const set = (v: Variable, to: Tensor): void => v.assign(to);

const list = (of: { dataSync(): ArrayLike<number> } | { data: unknown }): number[] => Array.from('dataSync' in of ? of.dataSync() : (of.data as number[]));

describe('variables of a traced function', () => {
  it('have their values of before after tracing', async () => {
    const v = variable([1, 2]);
    const step = await trace((input: Tensor) => {
      set(v, tf.add(v, tf.mean(input, 0)));
      return tf.sum(v);
    }, x);
    assert.deepEqual(list(v), [1, 2]);
    assert.deepEqual(list(step.valuesSync(x)), [5]);
    assert.deepEqual(list(v), [2, 3]);
    await step.close();
    v.dispose();
  });

  it('are assigned in the order of the function, reads of before see the old value', async () => {
    const v = variable([1, 2]);
    const step = await trace((input: Tensor) => {
      const old = tf.mul(v, 1);
      set(v, tf.add(v, tf.mean(input, 0)));
      const between = tf.mul(v, 10);
      set(v, tf.mul(v, 2));
      return { old, between, now: tf.add(v, 0) };
    }, x);
    const { old, between, now } = step.valuesSync(x);
    assert.deepEqual([list(old), list(between), list(now), list(v)], [[1, 2], [20, 30], [4, 6], [4, 6]]); // prettier-ignore
    await step.close();
    v.dispose();
  });

  it('may be exchanged with each other', async () => {
    const [a, b] = [variable([1, 2]), variable([3, 4])];
    const swap = await trace((input: Tensor) => {
      const kept = tf.add(a, 0);
      set(a, tf.add(b, tf.mul(0, tf.mean(input))));
      b.assign(kept);
      return tf.sum(input);
    }, x);
    for (let i = 0; i < 101; i++) swap.valuesSync(x);
    assert.deepEqual([list(a), list(b)], [[3, 4], [1, 2]]); // prettier-ignore
    await swap.close();
    tf.dispose([a, b]);
  });

  it('made in the first call begin with their initial values', async () => {
    let v: Variable | undefined;
    const count = await trace((input: Tensor) => {
      v ??= variable([0, 0]);
      set(v, tf.add(v, tf.mean(input, 0)));
      return tf.add(v, 0);
    }, x);
    assert.deepEqual(list(v!), [0, 0]);
    assert.deepEqual(list(count.valuesSync(x)), [1, 1]);
    assert.deepEqual(list(v!), [1, 1]);
    await count.close();
    v!.dispose();
  });

  it('assigned in JavaScript between calls are seen by the next call, sync and async', async () => {
    const v = variable([1, 2]);
    const f = await trace((input: Tensor) => tf.mul(input, v), x);
    for (const [values, run] of [
      [[3, 4], () => Promise.resolve(f.valuesSync(x))],
      [[5, 6], () => f.values(x)],
    ] as const) {
      // prettier-ignore
      const tensor = tf.tensor1d([...values]);
      set(v, tensor);
      tensor.dispose();
      assert.deepEqual(list(await run()).slice(0, 2), values);
    }
    await f.close();
    v.dispose();
  });

  it('are read and assigned all at once, by name', async () => {
    const [a, b] = [variable([1, 2], 'first'), variable([3, 4], 'second')];
    const f = await trace((input: Tensor) => {
      set(a, tf.add(a, b));
      return tf.mul(input, b);
    }, x);
    f.valuesSync(x);
    assert.deepEqual(Object.entries(f.readVariables()).map(([name, value]) => [name, list(value)]), [['first', [4, 6]], ['second', [3, 4]]]); // prettier-ignore
    assert.deepEqual(Object.keys(f.readVariables(['second'])), ['second']);
    const value = (...data: number[]) => ({ dtype: 'float32', shape: [data.length], data: Float32Array.from(data) }) as const;
    f.assignVariables({ first: value(0, 0), second: value(7, 8) });
    assert.deepEqual(list(f.valuesSync(x)).slice(0, 2), [7, 8]);
    assert.deepEqual(list(a), [7, 8]);
    assert.throws(() => f.assignVariables({ first: value(1, 1), second: value(1) }), /SHAPE_MISMATCH|\[2\], got float32 \[1\]/);
    assert.throws(() => f.assignVariables({ third: value(1) }), /no variable 'third'; it uses first, second/);
    assert.deepEqual(list(a), [7, 8], 'nothing changed');
    await f.close();
    tf.dispose([a, b]);
  });

  it('are shared by several functions in one session, and ordinary again after the last has been closed', async () => {
    const v = variable([1, 2]);
    const step = await trace((input: Tensor) => {
      set(v, tf.add(v, tf.mean(input, 0)));
      return tf.sum(v);
    }, x);
    const look = await trace((input: Tensor) => tf.mul(input, v), x);
    assert.equal(step.traces[0]!.store, look.traces[0]!.store);
    step.valuesSync(x);
    assert.deepEqual(list(look.valuesSync(x)).slice(0, 2), [2, 3]);
    await step.close();
    assert.deepEqual(list(look.valuesSync(x)).slice(0, 2), [2, 3]);
    await look.close();
    assert.deepEqual(list(v), [2, 3]);
    const doubled = tf.tidy(() => tf.mul(v, 2).dataSync());
    assert.deepEqual(Array.from(doubled), [4, 6]);
    assert.throws(() => step.valuesSync(x), /closed/);
    await step.close();
    v.dispose();
  });

  it('of functions in different sessions cannot be joined, which an error says', async () => {
    const [a, b] = [variable([1, 2]), variable([3, 4])];
    const one = await trace((input: Tensor) => tf.mul(input, a), x);
    const other = await trace((input: Tensor) => tf.mul(input, b), x);
    await assert.rejects(
      trace((input: Tensor) => tf.mul(tf.mul(input, a), b), x),
      /different native sessions/,
    );
    await one.close();
    await other.close();
    const both = await trace((input: Tensor) => tf.mul(tf.mul(input, a), b), x);
    assert.deepEqual(list(both.valuesSync(x)).slice(0, 2), [3, 8]);
    await both.close();
    tf.dispose([a, b]);
  });

  it('win over calls in flight where JavaScript assigns meanwhile', async () => {
    const v = variable([0, 0]);
    const step = await trace((input: Tensor) => {
      set(v, tf.add(v, tf.mean(input, 0)));
      return tf.add(v, 0);
    }, x);
    const running = step.values(x);
    const tensor = tf.tensor1d([50, 50]);
    set(v, tensor);
    tensor.dispose();
    await running;
    assert.deepEqual(list(v), [50, 50]);
    assert.deepEqual(list(await step.values(x)), [51, 51]);
    await step.close();
    v.dispose();
  });

  it('keep what calls in flight do to them when the function closes', async () => {
    const v = variable([0, 0]);
    const step = await trace((input: Tensor) => {
      set(v, tf.add(v, tf.mean(input, 0)));
      return tf.sum(v);
    }, x);
    const running = [step.values(x), step.values(x), step.values(x)];
    await step.close();
    await Promise.all(running);
    assert.ok(list(v)[0]! >= 1, String(list(v)));
    assert.deepEqual(
      list(v),
      list(v).map(() => list(v)[0]),
    );
    await assert.rejects(step.values(x), /is closed/);
    v.dispose();
  });

  it('disposed by their owner stay in the session until the function closes', async () => {
    const v = variable([1, 2]);
    const f = await trace((input: Tensor) => tf.mul(input, v), x);
    f.valuesSync(x);
    v.dispose();
    assert.deepEqual(list(f.valuesSync(x)).slice(0, 2), [1, 2]);
    await f.close();
  });
});
