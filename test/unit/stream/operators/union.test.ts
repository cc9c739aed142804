import assert from 'node:assert/strict';
import { test } from 'node:test';
import { t } from '../../../../src/memory/schema.js';
import { OperatorHarness } from '../../../../src/testing/operator-harness.js';

const schema = { a: t.int32(), b: t.string() };
interface Row {
  a: number;
  b: string;
}

test('union passes on the records of all inputs, with the slowest watermark', async () => {
  const harness = await OperatorHarness.open<Row, Row>({ schema, inputs: 3, build: (first, ...more) => first.union(...more) });
  await harness.push([{ a: 1, b: 'x' }], [5], 0);
  await harness.push([{ a: 2, b: 'y' }], [6], 2);
  await harness.watermark(5, 0);
  await harness.watermark(7, 1);
  assert.deepEqual(harness.watermarks, []);
  await harness.watermark(6, 2);
  assert.deepEqual(harness.watermarks, [5]);
  assert.deepEqual(harness.records(), [
    { row: { a: 1, b: 'x' }, time: 5 },
    { row: { a: 2, b: 'y' }, time: 6 },
  ]);
});

test('columns in another order are put in the order of the first stream', async () => {
  const harness = await OperatorHarness.open<Row, Row>({
    schema,
    build: (stream) => stream.union(stream.map({ b: t.string(), a: t.int32() }, ({ a, b }) => ({ b, a: a + 1 }))),
  });
  await harness.push([{ a: 1, b: 'x' }]);
  assert.deepEqual(
    harness.rows().map((row) => Object.entries(row)),
    [1, 2].map((a) => [
      ['a', a],
      ['b', 'x'],
    ]),
  );
});

test('streams of other columns cannot be joined', async () => {
  await assert.rejects(OperatorHarness.open<Row, Row>({ schema, build: (stream) => stream.union(stream.select('a') as never) }), {
    code: 'GRAPH_INVALID',
    message: 'union: cannot join select with {a: int32} to input 0 with {a: int32, b: string}',
  });
});
