import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMillraceError } from '../../../src/core/index.js';
import { batchFromRows, columnAs, columnsAsMatrix, columnView, decodeBatch, encodeBatch, encodedBatchBytes, t } from '../../../src/memory/index.js';

const schema = {
  single: t.float32(),
  half: t.float16(),
  whole: t.int32(),
  small: t.uint8(),
  long: t.int64(),
  flag: t.bool(),
  when: t.timestamp(),
  vector: t.vector(2),
  name: t.string(),
  maybe: t.nullable(t.float32()),
};
const rows = [0, 1, 2].map((i) => ({
  single: i + 0.5,
  half: i + 0.25,
  whole: -i,
  small: i,
  long: i * 3,
  flag: i === 1,
  when: new Date(i),
  vector: new Float32Array([i, 10 * i]),
  name: 'x',
  maybe: i === 2 ? null : i,
}));

function decoded(): ReturnType<typeof batchFromRows<typeof schema>> {
  const batch = batchFromRows(schema, rows);
  const payload = new Uint8Array(new SharedArrayBuffer(encodedBatchBytes(batch)));
  encodeBatch(batch, payload);
  return decodeBatch(payload, schema);
}

function mismatch(pattern: RegExp): (error: unknown) => boolean {
  return (error) => isMillraceError(error) && error.code === 'SCHEMA_MISMATCH' && pattern.test(error.message);
}

test('a column of the asked dtype is the memory of the channel itself', () => {
  const batch = decoded();
  const single = columnAs(batch, 'single', 'float32');
  assert.ok(single.isView && single.data.buffer instanceof SharedArrayBuffer);
  assert.equal(single.data.byteOffset % 64, 0);
  assert.deepEqual(columnAs(batch, 'vector', 'float32'), { data: new Float32Array([0, 0, 1, 10, 2, 20]), shape: [3, 2], isView: true });
  assert.ok(columnAs(batch, 'whole', 'int32').isView);
  assert.deepEqual(columnView(batch, 'long'), { data: new BigInt64Array([0n, 3n, 6n]), shape: [3], isView: true });
});

test('other dtypes are converted', () => {
  const batch = decoded();
  const asFloats = (name: string): number[] => [...columnAs(batch, name, 'float32').data];
  assert.deepEqual(asFloats('half'), [0.25, 1.25, 2.25]);
  assert.deepEqual(asFloats('flag'), [0, 1, 0]);
  assert.deepEqual(asFloats('when'), [0, 1, 2]);
  assert.deepEqual(asFloats('small'), [0, 1, 2]);
  assert.deepEqual([...columnAs(batch, 'long', 'int32').data], [0, 3, 6]);
  assert.deepEqual([...columnAs(batch, 'flag', 'int32').data], [0, 1, 0]);
});

test('several columns are packed row by row, into given memory where it is large enough', () => {
  const batch = decoded().slice(1, 3);
  const expected = new Float32Array([1.5, 1, 10, 1, 2.5, 2, 20, 0]);
  const into = new Float32Array(20);
  const packed = columnsAsMatrix(batch, ['single', 'vector', 'flag'], into);
  assert.deepEqual(packed, { data: expected, shape: [2, 4], isView: false });
  assert.equal(packed.data.buffer, into.buffer);
  assert.deepEqual(columnsAsMatrix(batch, ['single', 'vector', 'flag']).data, expected);
});

test('what has no place in a tensor is refused, naming the column', () => {
  const batch = decoded();
  assert.throws(() => columnAs(batch, 'name', 'float32'), mismatch(/"name": string is not a number/));
  assert.throws(() => columnView(batch, 'flag'), mismatch(/"flag": bool is not a view/));
  assert.throws(() => columnAs(batch, 'maybe', 'float32'), mismatch(/"maybe": 1 of 3 values are null/));
  assert.throws(() => columnAs(batch, 'single', 'int32'), mismatch(/"single", row 0: 0\.5 is no int32/));
  assert.throws(() => columnAs(batch, 'gone', 'int32'), mismatch(/no column "gone"/));
});

test('nulls outside a slice do not matter to it', () => {
  assert.deepEqual([...columnAs(decoded().slice(0, 2), 'maybe', 'float32').data], [0, 1]);
});
