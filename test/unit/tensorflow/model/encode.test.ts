import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  batchFromColumns,
  batchFromRows,
  decodeBatch,
  encodeBatch,
  encodedBatchBytes,
  t,
  type RecordBatch,
  type Schema,
} from '../../../../src/memory/index.js';
import { encodeInput, encodeLabel, findBadRows } from '../../../../src/tensorflow/model/encode.js';
import { category, embedding, numeric, type ModelInput } from '../../../../src/tensorflow/model/inputs.js';

/** The rows as a consumer reads them from a channel: views over one payload. */
function throughChannel(batch: RecordBatch, schema: Schema): RecordBatch {
  const payload = new Uint8Array(new SharedArrayBuffer(encodedBatchBytes(batch)));
  encodeBatch(batch, payload);
  return decodeBatch(payload, schema);
}

function encode(input: ModelInput, field: Schema[string], values: readonly unknown[]): { direct: readonly number[]; shape: readonly number[] } {
  const schema = { x: field };
  const batch = batchFromRows(schema, values.map((x) => ({ x })) as never[]) as RecordBatch;
  const direct = encodeInput('x', input, batch.column('x'));
  const read = encodeInput('x', input, throughChannel(batch, schema).column('x'));
  assert.deepEqual(read, direct);
  // Rows that do not start at 0: views of slices must read the right cells.
  const sliced = encodeInput('x', input, throughChannel(batch, schema).slice(1, values.length).column('x'));
  const width = direct.data.length / values.length;
  assert.deepEqual(Array.from(sliced.data as Float32Array), Array.from(direct.data as Float32Array).slice(width));
  return { direct: Array.from(direct.data as Float32Array), shape: direct.shape };
}

describe('columns as tensors', () => {
  it('scales numbers of every dtype', () => {
    for (const field of [t.int8(), t.int16(), t.int32(), t.int64(), t.uint8(), t.uint16(), t.uint32(), t.float16(), t.float32(), t.float64()]) {
      assert.deepEqual(encode(numeric({ mean: 2, std: 4 }), field, [2, 6, 10]), { direct: [0, 1, 2], shape: [3, 1] });
      assert.deepEqual(encode(numeric(), field, [2, 6, 10]), { direct: [2, 6, 10], shape: [3, 1] });
    }
    // A time in ms, with a mean taken off, keeps its last digits.
    assert.deepEqual(encode(numeric({ mean: 1_700_000_000_000 }), t.int64(), [1_700_000_000_001, 1_700_000_000_007]).direct, [1, 7]);
    assert.deepEqual(encode(numeric(), t.bool(), [true, false, true]).direct, [1, 0, 1]);
  });

  it('hands a float32 column out as it is, without a copy', () => {
    const values = Float32Array.of(1, 2, 3);
    const { data } = encodeInput('x', numeric(), batchFromColumns({ x: t.float32() }, { x: values }).column('x'));
    assert.equal((data as Float32Array).buffer, values.buffer);
    const vectors = new Float32Array(6);
    const encoded = encodeInput('x', numeric({ size: 2 }), batchFromColumns({ x: t.vector(2) }, { x: vectors }).column('x'));
    assert.equal((encoded.data as Float32Array).buffer, vectors.buffer);
    assert.deepEqual(encoded.shape, [3, 2]);
  });

  it('fills nulls and NaN and says where it did', () => {
    const input = numeric({ mean: 1, std: 2, default: 5, missing: true });
    assert.deepEqual(encode(input, t.nullable(t.float32()), [3, null, NaN]), { direct: [1, 0, 2, 1, 2, 1], shape: [3, 2] });
    assert.throws(() => encode(numeric(), t.nullable(t.float32()), [1, null]), /column 'x', row 1: null/);
  });

  it('makes categories one-hot or indices', () => {
    assert.deepEqual(encode(category(3), t.int32(), [0, 2]), { direct: [1, 0, 0, 0, 0, 1], shape: [2, 3] });
    assert.deepEqual(encode(category(3, { dim: 2 }), t.int64(), [0, 2]), { direct: [0, 2], shape: [2, 1] });
    assert.deepEqual(encode(category(3, { dim: 2, overflow: 'bucket' }), t.nullable(t.int32()), [0, null, 9]), { direct: [0, 3, 3], shape: [3, 1] });
    assert.throws(() => encode(category(3), t.int32(), [0, 3]), /row 1: 3; category\(3\) takes 0..2/);
  });

  it('hashes a value to one bucket, whatever column it comes in', () => {
    const input = embedding({ dim: 2, buckets: 1000 });
    const texts = ['SFO', 'JFK', 'SFO', 'Zürich', ''];
    const { direct } = encode(input, t.string(), texts);
    assert.equal(direct[0], direct[2]);
    assert.equal(new Set(direct).size, 4);
    // The model's format: these must never change.
    assert.deepEqual(direct, golden.texts);
    const integers = [5, -1, 70_000];
    assert.deepEqual(encode(input, t.int32(), integers).direct, encode(input, t.int64(), integers).direct);
    assert.deepEqual(encode(input, t.bigint(), integers.map(BigInt)).direct, golden.integers);
    assert.deepEqual(encode(input, t.nullable(t.string()), ['SFO', null]).direct, [direct[0], 0]);
  });

  it('hashes strings alike as bytes and as JavaScript strings, and spreads them', () => {
    const input = embedding({ dim: 2, buckets: 64 });
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 30 }), (texts) => {
        const { direct } = encode(input, t.string(), texts);
        assert.ok(direct.every((bucket) => bucket >= 1 && bucket <= 64));
      }),
    );
    const counts = new Map<number, number>();
    for (const bucket of encode(
      input,
      t.string(),
      Array.from({ length: 6400 }, (_, i) => `airport ${i}`),
    ).direct)
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    assert.equal(counts.size, 64);
    assert.ok(Math.max(...counts.values()) < 160, `fullest bucket: ${Math.max(...counts.values())}`);
  });

  it('finds the rows that it cannot read', () => {
    const find = (input: ModelInput, field: Schema[string], values: readonly unknown[]) =>
      findBadRows('x', input, (batchFromRows({ x: field }, values.map((x) => ({ x })) as never[]) as RecordBatch).column('x')).map(({ row }) => row);
    assert.deepEqual(find(numeric(), t.nullable(t.float32()), [1, null, Infinity, NaN, 2]), [1, 2, 3]);
    assert.deepEqual(find(numeric({ default: 0 }), t.nullable(t.float32()), [1, null, NaN]), []);
    assert.deepEqual(find(numeric(), t.int32(), [1, 2]), []);
    assert.deepEqual(find(category(3), t.nullable(t.int32()), [-1, 0, 2, 3, null]), [0, 3, 4]);
    assert.deepEqual(find(category(3, { overflow: 'bucket' }), t.int32(), [-1, 9]), []);
    assert.deepEqual(find(embedding({ dim: 1 }), t.nullable(t.string()), ['a', null]), []);
  });

  it('makes labels of bools, numbers and vectors', () => {
    const batch = batchFromRows({ b: t.bool(), n: t.int64(), v: t.vector(2) }, [{ b: true, n: 3, v: Float32Array.of(1, 2) }]) as RecordBatch;
    assert.deepEqual(encodeLabel('b', t.bool(), batch.column('b'), false), { dtype: 'float32', shape: [1, 1], data: Float32Array.of(1) });
    assert.deepEqual(encodeLabel('n', t.int64(), batch.column('n'), true), { dtype: 'int32', shape: [1, 1], data: Int32Array.of(3) });
    assert.deepEqual(encodeLabel('v', t.vector(2), batch.column('v'), false), { dtype: 'float32', shape: [1, 2], data: Float32Array.of(1, 2) });
  });
});

const golden = { texts: [962, 183, 962, 632, 924], integers: [790, 610, 769] };
