import assert from 'node:assert/strict';
import { test } from 'node:test';
import { t } from '../../../../src/memory/schema.js';
import { deadLetterTag } from '../../../../src/stream/index.js';
import { OperatorHarness } from '../../../../src/testing/operator-harness.js';

const schema = { text: t.string() };
interface Line {
  text: string;
}
const split = ({ text }: Line): { word: string }[] => text.split(' ').map((word) => ({ word }));

test('flatMap makes any number of records of each, with its time', async () => {
  const harness = await OperatorHarness.open<Line, { word: string }>({
    schema,
    build: (lines) => lines.flatMap({ word: t.string() }, ({ text }) => (text === '' ? [] : split({ text }))),
  });
  await harness.push([{ text: 'a b' }, { text: '' }, { text: 'c' }], [10, 20, 30]);
  assert.deepEqual(harness.records(), [
    { row: { word: 'a' }, time: 10 },
    { row: { word: 'b' }, time: 10 },
    { row: { word: 'c' }, time: 30 },
  ]);
});

test('a generator that throws half way leaves nothing behind', async () => {
  const harness = await OperatorHarness.open<Line, { word: string }>({
    schema,
    build: (lines) =>
      lines.flatMap(
        function* (line) {
          for (const made of split(line)) {
            if (made.word === '!') throw new Error('bang');
            yield made;
          }
        },
        { onError: 'deadLetter' },
      ),
  });
  await harness.push([{ text: 'a b' }, { text: 'c ! d' }, { text: 'e' }]);
  assert.deepEqual(harness.rows(), [{ word: 'a' }, { word: 'b' }, { word: 'e' }]);
  assert.deepEqual(
    harness.rows<{ cause: string }>(deadLetterTag).map(({ cause }) => cause),
    ['bang'],
  );
});

test('very many results leave in several batches, in order', async () => {
  const harness = await OperatorHarness.open<Line, { n: number }>({
    schema,
    build: (lines) => lines.flatMap({ n: t.int32() }, () => Array.from({ length: 5000 }, (_, n) => ({ n }))),
  });
  await harness.push([{ text: '' }, { text: '' }, { text: '' }, { text: '' }]);
  assert.deepEqual(
    harness.rows().map(({ n }) => n),
    Array.from({ length: 20_000 }, (_, i) => i % 5000),
  );
});
