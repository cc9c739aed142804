import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { t } from '../../../../src/memory/schema.js';
import { deadLetterTag } from '../../../../src/stream/index.js';
import { OperatorHarness } from '../../../../src/testing/operator-harness.js';

const schema = { n: t.int32(), s: t.nullable(t.string()) };
interface Row {
  n: number;
  s: string | null;
}

for (const input of [{ schema }, {}]) {
  test(`filter keeps exactly what Array.filter keeps, with times, of ${input.schema === undefined ? 'objects' : 'columns'}`, async () => {
    const rowsOf = fc.array(fc.record({ n: fc.integer({ min: -100, max: 100 }), s: fc.option(fc.string()) }, { noNullPrototype: true }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(rowsOf, fc.integer({ min: -100, max: 100 }), async (rows, least) => {
        const harness = await OperatorHarness.open<Row, Row>({ ...input, build: (stream) => stream.filter(({ n, s }) => n >= least && s !== '') });
        await harness.push(
          rows,
          rows.map((_, i) => i),
        );
        const expected = rows.map((row, time) => ({ row, time })).filter(({ row: { n, s } }) => n >= least && s !== '');
        assert.deepEqual(harness.records(), expected);
      }),
      { numRuns: 50 },
    );
  });
}

test('a predicate that throws is a dead letter where asked for', async () => {
  const harness = await OperatorHarness.open<Row, Row>({
    schema,
    build: (stream) => stream.filter(({ s }) => (s as string).length > 0, { onError: 'deadLetter', name: 'texts' }),
  });
  await harness.push([
    { n: 1, s: 'a' },
    { n: 2, s: null },
    { n: 3, s: '' },
  ]);
  assert.deepEqual(harness.rows(), [{ n: 1, s: 'a' }]);
  assert.deepEqual(
    harness.rows<Record<string, string>>(deadLetterTag).map(({ source, record }) => [source, record]),
    [['texts', '{"n":2,"s":null}']],
  );
});
