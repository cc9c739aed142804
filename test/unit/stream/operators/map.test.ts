import assert from 'node:assert/strict';
import { test } from 'node:test';
import { t } from '../../../../src/memory/schema.js';
import { deadLetterTag, noOriginal } from '../../../../src/stream/index.js';
import { OperatorHarness } from '../../../../src/testing/operator-harness.js';

const schema = { n: t.int32(), s: t.nullable(t.string()) };
interface Row {
  n: number;
  s: string | null;
}
const rows: Row[] = [
  { n: 1, s: 'a' },
  { n: 2, s: null },
  { n: 3, s: 'ß' },
];
const times = [10, 20, 30];

for (const from of ['columns', 'objects'] as const) {
  const input = from === 'columns' ? { schema } : {};

  test(`map makes one object of each record of ${from} and keeps its time`, async () => {
    const harness = await OperatorHarness.open<Row, { text: string }>({
      ...input,
      build: (stream) => stream.map((row) => ({ text: `${row.n}${row.s ?? '-'}` })),
    });
    await harness.push(rows, times);
    assert.deepEqual(harness.records(), [
      { row: { text: '1a' }, time: 10 },
      { row: { text: '2-' }, time: 20 },
      { row: { text: '3ß' }, time: 30 },
    ]);
  });

  test(`map with a schema makes columns of ${from}`, async () => {
    const harness = await OperatorHarness.open<Row, { half: number; s: string | null }>({
      ...input,
      build: (stream) => {
        const mapped = stream.map({ half: t.float32(), s: t.nullable(t.string()) }, ({ n, s }) => ({ half: n / 2, s }));
        assert.deepEqual(Object.keys(mapped.schema ?? {}), ['half', 's']);
        return mapped;
      },
    });
    await harness.push(rows, times);
    assert.deepEqual(harness.records()[1], { row: { half: 1, s: null }, time: 20 });
  });
}

test('rows given to map may be kept', async () => {
  const kept: Row[] = [];
  const harness = await OperatorHarness.open<Row, Row>({ schema, build: (stream) => stream.map((row) => (kept.push(row), row)) });
  await harness.push(rows);
  assert.deepEqual(kept, rows);
});

test('a function that throws fails the job, naming operator, position and record', async () => {
  const cause = new RangeError('too large');
  const harness = await OperatorHarness.open<Row, Row>({
    schema,
    build: (stream) =>
      stream.map(
        (row) => {
          if (row.n === 3) throw cause;
          return row;
        },
        { name: 'check' },
      ),
  });
  await harness.push([{ n: 1, s: null }]);
  await assert.rejects(harness.push(rows), {
    code: 'USER_FUNCTION',
    message: 'check: its function threw at record 3 of subtask 0: too large; the record: {"n":3,"s":"ß"}',
    cause,
  });
});

for (const result of [undefined, { n: t.int8() }]) {
  test(`with onError deadLetter, records whose ${result === undefined ? 'function throws' : 'function throws or whose result does not fit the schema'} leave by the side output`, async () => {
    const fn = ({ n }: Row): { n: number } => {
      if (n === 2) throw new Error('two');
      return { n: n === 3 && result !== undefined ? 1000 : n };
    };
    const harness = await OperatorHarness.open<Row, { n: number }>({
      schema,
      build: (stream) => (result === undefined ? stream.map(fn, { onError: 'deadLetter' }) : stream.map(result, fn, { onError: 'deadLetter' })),
    });
    await harness.push([...rows, { n: 4, s: '' }], [1, 2, 3, 4]);
    const good = result === undefined ? [1, 3, 4] : [1, 4];
    assert.deepEqual(
      harness.records(),
      good.map((n) => ({ row: { n }, time: n })),
    );
    const letters = harness.rows<Record<string, string>>(deadLetterTag);
    assert.deepEqual(letters[0], {
      source: 'map',
      position: 'record 1 of subtask 0',
      code: 'USER_FUNCTION',
      cause: 'two',
      record: '{"n":2,"s":null}',
      ...noOriginal,
    });
    assert.equal(letters.length, 4 - good.length);
    if (result !== undefined) assert.match(letters[1]?.['cause'] ?? '', /1000 is no int8/);
  });
}
