import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchFromRows, rowBatch, RowCursor, t } from '../../../src/memory/index.js';

const schema = { at: t.timestamp(), n: t.nullable(t.int32()), "it's": t.string() };
const rows = [
  { at: new Date(5), n: 1, "it's": 'a' },
  { at: new Date(6), n: null, "it's": 'ß' },
];

test('a cursor row reads, spreads and prints like the row', () => {
  const cursor = new RowCursor();
  cursor.open(batchFromRows(schema, rows));
  rows.forEach((row, i) => {
    const seen = cursor.at(i) as typeof row;
    assert.equal(seen.n, row.n);
    assert.deepEqual({ ...seen }, row);
    assert.equal(JSON.stringify(seen), JSON.stringify(row));
    assert.deepEqual(Object.keys(seen), Object.keys(row));
  });
});

test('a cursor moves on to batches of the same and of another schema, and of objects', () => {
  const cursor = new RowCursor();
  cursor.open(batchFromRows(schema, rows));
  cursor.open(batchFromRows(schema, rows.slice(1)));
  assert.deepEqual({ ...(cursor.at(0) as object) }, rows[1]);
  cursor.open(batchFromRows({ x: t.bool() }, [{ x: true }]));
  assert.deepEqual({ ...(cursor.at(0) as object) }, { x: true });
  const object = { any: 'thing' };
  cursor.open(rowBatch([object]));
  assert.equal(cursor.at(0), object);
});
