import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from '../../../../src/stream/state/byte-writer.js';
import { NumberSpace } from '../../../../src/stream/state/number-space.js';
import { writeColumn } from '../../../../src/stream/state/write-column.js';

const number = fc.oneof({ weight: 5, arbitrary: fc.integer() }, fc.double(), fc.constant(-0));
const lists = fc.array(fc.oneof(fc.array(fc.integer()), fc.array(number)), { maxLength: 8 });

function bytesOf(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  write(writer);
  return writer.taken();
}

test('numbers become the column that they would be by themselves, whatever was there before', () => {
  const appended = new NumberSpace();
  const placed = new NumberSpace();
  fc.assert(
    fc.property(lists, fc.nat(20), fc.nat(20), (pieces, skipped, left) => {
      const all = pieces.flat();
      appended.begin(0);
      for (const piece of pieces) assert.ok(appended.append(piece));
      placed.begin(all.length);
      for (let i = all.length - 1; i >= 0; i--) placed.set(i, all[i]!);
      assert.deepEqual(
        bytesOf((writer) => appended.write(writer)),
        bytesOf((writer) => writeColumn(writer, all)),
      );
      const [from, to] = [Math.min(skipped, all.length), Math.max(Math.min(skipped, all.length), all.length - left)];
      assert.deepEqual(
        bytesOf((writer) => placed.write(writer, from, to)),
        bytesOf((writer) => writeColumn(writer, all.slice(from, to))),
      );
    }),
    { numRuns: 1000 },
  );
});

test('a list that is not of numbers is refused', () => {
  const space = new NumberSpace();
  for (const list of [[1, 'a'], [1.5, null], [undefined]]) {
    space.begin(0);
    assert.equal(space.append(list), false);
  }
});
