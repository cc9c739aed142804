import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { loadTfjs, trace, type TensorValue } from '../../../../src/tensorflow/index.js';
import type { Tensor } from '../../../../src/tensorflow/model/tfjs-types.js';

const tf = await loadTfjs();
const x = tf.ones([4, 2]);
after(() => x.dispose());
const list = ({ data }: TensorValue): unknown[] => Array.from(data as ArrayLike<unknown>);

describe('inputs and outputs of a traced function', () => {
  it('are nested as the function has them, and named by their paths', async () => {
    const example = { a: x, more: [x, { b: x }] } as const;
    const f = await trace(({ a, more: [m, { b }] }) => ({ sum: tf.add(a, b), deep: [{ m: tf.mul(m, 2) }, tf.mean(a)] }), example);
    assert.deepEqual(f.traces[0]!.inputNames, ['a', 'more/0', 'more/1/b']);
    assert.deepEqual(f.traces[0]!.outputNames, ['sum', 'deep/0/m', 'deep/1']);
    const value = (fill: number): TensorValue => ({ dtype: 'float32', shape: [1, 2], data: new Float32Array(2).fill(fill) });
    const { sum, deep } = f.valuesSync({ a: value(1), more: [value(2), { b: value(3) }] } as never) as unknown as {
      sum: TensorValue;
      deep: [{ m: TensorValue }, TensorValue];
    };
    assert.deepEqual([list(sum), list(deep[0].m), list(deep[1]), deep[1].shape], [[4, 4], [4, 4], [1], []]); // prettier-ignore
    await f.close();
  });

  it('may be numbers, which are inputs and no constants', async () => {
    const f = await trace((input: Tensor, rate: Tensor, flag: Tensor) => tf.where(flag as never, tf.mul(input, rate), input), [x, 0.5, true] as never);
    const run = f as unknown as { valuesSync(...inputs: unknown[]): TensorValue };
    assert.deepEqual(list(run.valuesSync(x, 3, true)).slice(0, 1), [3]);
    assert.deepEqual(list(run.valuesSync(x, -2, true)).slice(0, 1), [-2]);
    assert.deepEqual(list(run.valuesSync(x, -2, false)).slice(0, 1), [1]);
    assert.equal(f.stats.builds, 1);
    await f.close();
  });

  it('given the same tensor twice stay two inputs', async () => {
    const f = await trace((a: Tensor, b: Tensor) => tf.sub(a, b), [x, x]);
    const two = tf.mul(x, 3);
    assert.deepEqual(new Set(list((f as never as { valuesSync(...a: Tensor[]): TensorValue }).valuesSync(two, x))), new Set([2]));
    await f.close();
    two.dispose();
  });

  it('may be of dtypes that tfjs has, and int64, float64 and the like, which are cast', async () => {
    const values: readonly [TensorValue, (t: Tensor) => Tensor, readonly unknown[]][] = [
      [{ dtype: 'int64', shape: [3], data: BigInt64Array.of(1n, 2n, 3n) }, (t) => tf.mul(t, tf.scalar(2, 'int32')), [2, 4, 6]],
      [{ dtype: 'float64', shape: [3], data: Float64Array.of(1, 2, 3) }, (t) => tf.mul(t, 2), [2, 4, 6]],
      [{ dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 255) }, (t) => tf.cast(t, 'float32'), [1, 2, 255]],
      [{ dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }, (t) => tf.logicalNot(t), [0, 1, 0]],
      [{ dtype: 'string', shape: [3], data: ['a', 'ü', ''] }, (t) => tf.reshape(t, [-1, 1]), ['a', 'ü', '']],
    ];
    for (const [example, fn, wanted] of values) {
      const f = await trace(fn as never, example as never);
      const result = (f as never as { valuesSync(a: TensorValue): TensorValue }).valuesSync(example);
      const got =
        result.dtype === 'string' ? list(result).map((each) => (typeof each === 'string' ? each : Buffer.from(each as Uint8Array).toString())) : list(result);
      assert.deepEqual(got, wanted, example.dtype);
      await f.close();
    }
  });

  it('may have no rows', async () => {
    const f = await trace((input: Tensor) => ({ rows: tf.reshape(tf.matMul(input, tf.ones([2, 6])), [-1, 2, 3]), total: tf.sum(input) }), x);
    const none: TensorValue = { dtype: 'float32', shape: [0, 2], data: new Float32Array(0) };
    const { rows, total } = f.valuesSync(none) as unknown as { rows: TensorValue; total: TensorValue };
    assert.deepEqual([rows.shape, list(total)], [[0, 2, 3], [0]]); // prettier-ignore
    const from = await trace((input: Tensor) => tf.mul(input, 2), none as never);
    assert.deepEqual(list((from as never as { valuesSync(a: Tensor): TensorValue }).valuesSync(x)), new Array(8).fill(2));
    await f.close();
    await from.close();
  });

  it('of other shapes are traced when they come; other numbers of rows are not', async () => {
    const f = await trace((input: Tensor) => tf.sum(input, 1), x);
    const run = f as never as { valuesSync(a: Tensor): TensorValue };
    for (const shape of [
      [1, 2],
      [9, 2],
      [4, 3],
      [7, 3],
      [2, 2, 2],
    ]) {
      // prettier-ignore
      const input = tf.ones(shape);
      assert.deepEqual(list(run.valuesSync(input))[0], shape[1]);
      input.dispose();
    }
    assert.deepEqual(
      f.traces.map(({ shapes }) => shapes),
      ['float32[?, 2]', 'float32[?, 3]', 'float32[?, 2, 2]'],
    );
    await f.close();
  });

  it('of more shapes than maxTraces run eagerly, with one warning, and are counted', async () => {
    const warnings: string[] = [];
    const counted: string[] = [];
    const counter = (name: string) => ({ add: () => void counted.push(name) });
    const metrics = { counter, gauge: (name: string) => ({ set: () => void counted.push(name) }) } as never;
    const f = await trace((input: Tensor) => tf.sum(input), x, { maxTraces: 2, metrics, name: 'total', log: { warn: (message) => warnings.push(message) } });
    const run = f as never as { valuesSync(a: Tensor): TensorValue; values(a: Tensor): Promise<TensorValue> };
    for (const width of [2, 3, 4, 5, 4]) {
      const input = tf.ones([3, width]);
      assert.deepEqual(list(run.valuesSync(input)), [3 * width]);
      assert.deepEqual(list(await run.values(input)), [3 * width]);
      input.dispose();
    }
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /total: 2 .*maxTraces/);
    assert.deepEqual(f.stats, { builds: 2, cached: 2, calls: 10, eagerCalls: 6 });
    assert.equal(counted.filter((name) => name === 'trace_eager_calls_total').length, 6);
    assert.equal(counted.filter((name) => name === 'trace_builds_total').length, 2);
    await f.close();
  });

  it('of different numbers of rows are an error; the option batch says which have any', async () => {
    const table = tf.ones([5, 2]);
    await assert.rejects(
      trace((a: Tensor, b: Tensor) => tf.matMul(a, b, false, true), [x, table]),
      /different numbers of rows: '0' .*'1' .*option batch/,
    );
    const f = await trace((a: Tensor, b: Tensor) => tf.matMul(a, b, false, true), [x, table], { batch: ['0'] });
    const one = tf.ones([1, 2]);
    assert.deepEqual((f as never as { valuesSync(...a: Tensor[]): TensorValue }).valuesSync(one, table).shape, [1, 5]);
    await f.close();
    tf.dispose([table, one]);
  });

  it("with batch: 'none' have the rows of the example, and others are traced anew", async () => {
    const f = await trace((input: Tensor) => tf.addN(tf.unstack(input)), x, { batch: 'none' });
    const run = f as never as { valuesSync(a: Tensor): TensorValue };
    assert.deepEqual(list(run.valuesSync(x)), [4, 4]);
    const six = tf.ones([6, 2]);
    assert.deepEqual(list(run.valuesSync(six)), [6, 6]);
    assert.equal(f.stats.builds, 2);
    await f.close();
    six.dispose();
  });

  it('that are outputs too come back unchanged', async () => {
    const f = await trace((input: Tensor) => [input, input.clone()], x);
    for (const each of (f as never as { valuesSync(a: Tensor): TensorValue[] }).valuesSync(x)) assert.deepEqual(list(each), new Array(8).fill(1));
    await f.close();
  });
});
