import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isMillraceError } from '../../../src/core/index.js';
import {
  BatchBuilder,
  batchFromColumns,
  batchFromRows,
  concatBatches,
  decodeBatch,
  encodeBatch,
  encodedBatchBytes,
  partitionBatch,
  rowBatch,
  rowView,
  t,
  withColumns,
  type RecordBatch,
  type Schema,
} from '../../../src/memory/index.js';

const schema = {
  flag: t.bool(),
  small: t.int8(),
  half: t.uint16(),
  whole: t.int32(),
  long: t.int64(),
  exact: t.bigint(),
  single: t.float32(),
  double: t.float64(),
  brief: t.float16(),
  name: t.string(),
  note: t.nullable(t.string()),
  blob: t.nullable(t.bytes()),
  when: t.timestamp(),
  maybe: t.nullable(t.int32()),
  maybeFlag: t.nullable(t.bool()),
  vector: t.vector(3),
  list: t.nullable(t.list()),
};

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 3 });
const rowArbitrary = fc.record(
  {
    flag: fc.boolean(),
    small: fc.integer({ min: -128, max: 127 }),
    half: fc.integer({ min: 0, max: 65535 }),
    whole: fc.integer(),
    long: fc.maxSafeInteger(),
    exact: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    single: fc.float(),
    double: fc.double(),
    brief: fc.integer({ min: -2048, max: 2048 }),
    name: fc.string({ unit: 'grapheme' }),
    note: optional(fc.string({ maxLength: 60 })),
    blob: optional(fc.uint8Array().map((bytes) => new Uint8Array(bytes))),
    when: fc.date({ noInvalidDate: true }),
    maybe: optional(fc.integer()),
    maybeFlag: optional(fc.boolean()),
    vector: fc.float32Array({ minLength: 3, maxLength: 3 }).map((values) => new Float32Array(values)),
    list: optional(fc.array(fc.double())),
  },
  { noNullPrototype: true },
);
const rowsArbitrary = fc.array(rowArbitrary, { maxLength: 40 });

/** Through a channel's kind of memory: shared, at a multiple of 64. */
function throughChannel<R>(batch: RecordBatch<R>, as: Schema | undefined = batch.schema): RecordBatch<R> {
  const payload = new Uint8Array(new SharedArrayBuffer(64 + encodedBatchBytes(batch)), 64);
  encodeBatch(batch, payload);
  return decodeBatch<R>(payload, as);
}

function assertCode(code: string, ...patterns: RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isMillraceError(error), String(error));
    assert.equal(error.code, code);
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  };
}

test('rows of every type come back as they were, also through a channel', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.boolean(), (rows, hasTimes) => {
      const times = hasTimes ? Float64Array.from(rows, (_, i) => i * 1000) : undefined;
      const batch = batchFromRows(schema, rows, times);
      assert.deepEqual(batch.rows(), rows);
      const decoded = throughChannel(batch);
      assert.deepEqual(decoded.rows(), rows);
      assert.deepEqual(decoded.times, times);
      assert.deepEqual(throughChannel(batch, undefined as never).rows(), rows);
    }),
    { numRuns: 60 },
  );
});

test('slice, take, select, concat, retain and partition agree with arrays of rows', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.nat(40), fc.nat(40), fc.boolean(), fc.infiniteStream(fc.nat(2)), (rows, a, b, isView, stream) => {
      const owned = batchFromRows(
        schema,
        rows,
        Float64Array.from(rows, (_, i) => i),
      );
      const batch = isView ? throughChannel(owned) : owned;
      const [from, to] = [Math.min(a, b, rows.length), Math.min(Math.max(a, b), rows.length)];
      const slice = batch.slice(from, to);
      assert.deepEqual(slice.rows(), rows.slice(from, to));
      assert.deepEqual(throughChannel(slice).rows(), rows.slice(from, to));
      assert.deepEqual(slice.retain().rows(), rows.slice(from, to));
      assert.deepEqual(concatBatches([batch.slice(0, from), owned.slice(from, to), batch.slice(to, rows.length)]).rows(), rows);
      const indices = Int32Array.from(rows.keys()).reverse();
      assert.deepEqual(slice.take(indices.subarray(0, to - from).map((_, i) => to - from - 1 - i)).rows(), rows.slice(from, to).reverse());
      assert.deepEqual(
        batch.select(['note', 'long']).rows(),
        rows.map(({ note, long }) => ({ note, long })),
      );
      const targets = Int32Array.from(rows, () => stream.next().value as number);
      partitionBatch(batch, targets, 3).forEach((part, target) => {
        const expected = rows.filter((_, i) => targets[i] === target);
        assert.deepEqual(part?.rows() ?? [], expected);
        assert.deepEqual(
          [...(part?.times ?? [])],
          [...targets.keys()].filter((i) => targets[i] === target),
        );
      });
    }),
    { numRuns: 60 },
  );
});

test('a retained batch outlives the memory of its channel', () => {
  const batch = batchFromRows({ name: t.string(), n: t.int32() }, [{ name: 'longer than what is interned', n: 7 }], new Float64Array([5]));
  const payload = new Uint8Array(new SharedArrayBuffer(encodedBatchBytes(batch)));
  encodeBatch(batch, payload);
  const view = decodeBatch(payload, batch.schema);
  const kept = view.retain();
  payload.fill(255);
  assert.deepEqual(kept.rows(), [{ name: 'longer than what is interned', n: 7 }]);
  assert.deepEqual(kept.times, new Float64Array([5]));
  assert.equal(kept.retain(), kept);
});

test('a value that does not fit names column, row, value and type, and leaves the builder as it was', () => {
  const builder = new BatchBuilder({ name: t.string(), delay: t.int8(), note: t.nullable(t.string()) });
  builder.append({ name: 'a', delay: 1, note: null });
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ name: 'b', delay: 128 }, /column "delay", row 1: 128 is no int8/],
    [{ name: 'b', delay: 1.5 }, /1\.5 is no int8/],
    [{ name: 'b', delay: '1' }, /"1" is no int8/],
    [{ name: 'b' }, /undefined is no int8/],
    [{ name: 'b', delay: null }, /null is no int8/],
    [{ name: 3, delay: 1 }, /column "name", row 1: 3 is no string/],
    [{ name: 'b', delay: 1, note: 3 }, /column "note", row 1: 3 is no string\?/],
  ];
  for (const [row, pattern] of cases) assert.throws(() => builder.append(row), assertCode('SCHEMA_MISMATCH', pattern));
  builder.append({ name: 'c', delay: -128 });
  assert.deepEqual(builder.finish().rows(), [
    { name: 'a', delay: 1, note: null },
    { name: 'c', delay: -128, note: null },
  ]);
  assert.equal(builder.length, 0);
});

test('a builder lends its memory for a batch, and gives it away where somebody still reads it', () => {
  const schema = { id: t.int32(), payload: t.bytes(), ok: t.bool(), note: t.nullable(t.string()) };
  const rowsOf = (from: number) =>
    Array.from({ length: 20 }, (_, i) => ({
      id: from + i,
      payload: new Uint8Array([from, i]),
      ok: (from + i) % 3 === 0,
      note: i % 2 === 0 ? null : `${from + i}`,
    }));
  const builder = new BatchBuilder(schema, 4);
  const lent = (from: number, isBack: boolean): { readonly batch: RecordBatch; readonly kept: RecordBatch } => {
    let result: { readonly batch: RecordBatch; readonly kept: RecordBatch } | undefined;
    for (const row of rowsOf(from)) builder.append(row, from);
    builder.lend((batch) => {
      assert.deepEqual(batch.rows(), rowsOf(from));
      assert.deepEqual(batch.times, new Float64Array(20).fill(from));
      result = { batch, kept: batch.retain() };
      return isBack;
    });
    return result as { readonly batch: RecordBatch; readonly kept: RecordBatch };
  };
  const first = lent(1, true);
  const second = lent(100, false);
  const third = lent(200, true);
  assert.equal(second.batch.column('id').values?.buffer, first.batch.column('id').values?.buffer, 'given back, used again');
  assert.notEqual(third.batch.column('id').values?.buffer, second.batch.column('id').values?.buffer, 'given away');
  assert.deepEqual(second.batch.rows(), rowsOf(100));
  for (const [{ kept }, from] of [
    [first, 1],
    [second, 100],
    [third, 200],
  ] as const) {
    assert.deepEqual(kept.rows(), rowsOf(from), 'a retained batch has memory of its own');
    assert.deepEqual(kept.times, new Float64Array(20).fill(from));
  }
});

test('typed arrays are taken over, arrays are checked, and columns can be added beside shared ones', () => {
  const delays = new Float32Array([1, 2]);
  const batch = batchFromColumns(
    { delay: t.float32(), late: t.bool(), at: t.timestamp(), to: t.nullable(t.string()) },
    { delay: delays, late: new Uint8Array([0, 1]), at: new Float64Array([5, 6]), to: ['x', null] },
  );
  assert.equal(batch.column('delay').values, delays);
  assert.deepEqual(batch.rows(), [
    { delay: 1, late: false, at: new Date(5), to: 'x' },
    { delay: 2, late: true, at: new Date(6), to: null },
  ]);
  assert.equal(batch.column('to').nullCount, 1);
  const wider = withColumns<{ delay: number; hour: number }>(batch, { delay: t.float32(), hour: t.int32() }, { hour: [3, 4] });
  assert.equal(wider.column('delay').values, delays);
  assert.deepEqual(wider.rows(), [
    { delay: 1, hour: 3 },
    { delay: 2, hour: 4 },
  ]);
  assert.throws(
    () => withColumns(batch, { delay: t.float32(), hour: t.int32() }, { hour: [3] }),
    assertCode('SCHEMA_MISMATCH', /column "hour" has 1 values where the batch has 2 rows/),
  );
  assert.throws(() => withColumns(batch, { delay: t.float64() }, {}), assertCode('SCHEMA_MISMATCH', /float32 given where float64/));
  assert.throws(() => withColumns(batch, { gone: t.float64() }, {}), assertCode('SCHEMA_MISMATCH', /no column "gone"/));
});

test('a row view reads the row it stands at', () => {
  const rows = [
    { name: 'a', n: 1 },
    { name: 'b', n: 2 },
  ];
  for (const batch of [batchFromRows({ name: t.string(), n: t.int32() }, rows), rowBatch(rows)]) {
    const view = rowView(batch);
    assert.equal(view.at(0).name, 'a');
    assert.equal(view.at(1).n, 2);
  }
});

test('column names that mean something to JavaScript are only names', () => {
  const odd = { ['__proto__']: t.int32(), constructor: t.string(), 'a b"c': t.int32() } satisfies Schema;
  const row = JSON.parse('{"__proto__": 1, "constructor": "x", "a b\\"c": 2}') as never;
  const batch = throughChannel(batchFromRows(odd, [row]));
  assert.equal(JSON.stringify(batch.rows()), '[{"__proto__":1,"constructor":"x","a b\\"c":2}]');
  assert.equal((rowView(batch).at(0) as { constructor: unknown }).constructor, 'x');
});

test('schemaless rows cross a channel by structured clone, into memory of their own', () => {
  const rows = [{ at: new Date(3), big: 5n, bytes: new Uint8Array([1, 2]), deep: { list: [1, null] } }, { other: 'x' }];
  const decoded = throughChannel(rowBatch<Record<string, unknown>>(rows, new Float64Array([1, 2])));
  assert.deepEqual(decoded.rows(), rows);
  assert.deepEqual(decoded.times, new Float64Array([1, 2]));
  assert.throws(() => encodedBatchBytes(rowBatch([{ f: () => 1 }])), assertCode('SCHEMA_MISMATCH', /cannot cross a channel/));
});

test('damaged bytes give FORMAT_INVALID and never anything else', () => {
  const batch = batchFromRows({ name: t.string(), note: t.nullable(t.string()), list: t.list(), n: t.int64() }, [
    { name: 'abc', note: null, list: [1, 2], n: 1 },
    { name: 'defg', note: 'x', list: [], n: 2 },
  ]);
  const good = new Uint8Array(encodedBatchBytes(batch));
  encodeBatch(batch, good);
  const read = (bytes: Uint8Array, as: Schema | undefined): void => {
    try {
      decodeBatch(bytes, as).rows();
    } catch (error) {
      assertCode('FORMAT_INVALID')(error);
    }
  };
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
      for (const as of [batch.schema, undefined]) {
        const bad = good.slice();
        bad[at] = value;
        read(bad, as);
        read(good.slice(0, length), as);
      }
    }),
    { numRuns: 2000 },
  );
  assert.throws(() => decodeBatch(good, { name: t.string() }), assertCode('FORMAT_INVALID', /another schema/));
  assert.throws(() => decodeBatch(good.subarray(0, 10), undefined), assertCode('FORMAT_INVALID', /shorter than a header/));
});
