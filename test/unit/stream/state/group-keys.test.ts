import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../../../src/stream/state/byte-writer.js';
import { GroupKeys } from '../../../../src/stream/state/group-keys.js';
import { pick } from '../../../../src/stream/state/group-places.js';
import type { Key } from '../../../../src/stream/state/key.js';
import { readColumn } from '../../../../src/stream/state/read-column.js';
import { writeColumn } from '../../../../src/stream/state/write-column.js';

const text = fc.string({ unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 5 });
const alike: fc.Arbitrary<Key>[] = [
  text,
  fc.integer(),
  fc.tuple(text, text, fc.integer()),
  fc.tuple(fc.integer(), text),
  fc.tuple(text, text),
  fc.tuple(fc.integer(), fc.integer()),
  fc.tuple(text),
];
const part = fc.oneof(text, fc.string({ unit: 'binary' }), fc.integer(), fc.double(), fc.constant(-0), fc.boolean(), fc.constant(null), fc.bigInt());
const odd: fc.Arbitrary<Key> = fc.oneof(part, fc.array(part, { maxLength: 3 }), fc.array(part, { minLength: 17, maxLength: 18 }));
const keys = fc.oneof(...alike.map((key) => fc.array(key)), ...alike.map((key) => fc.array(fc.oneof({ weight: 20, arbitrary: key }, odd))), fc.array(odd));

function bytesOf(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  write(writer);
  return writer.taken();
}

test('keys that come, go and stay are encoded as if each time were the first', () => {
  fc.assert(
    fc.property(keys, fc.array(fc.array(fc.boolean(), { minLength: 1 }), { minLength: 1, maxLength: 6 }), (all, rounds) => {
      const kept = new GroupKeys();
      const keyOf = (slot: number): Key => all[slot]!;
      rounds.forEach((isLeft, round) => {
        // More keys each time, without some.
        const known = Math.ceil((all.length * (round + 1)) / rounds.length);
        const slots = Int32Array.from(
          Array.from({ length: known }, (_, slot) => slot).filter((slot) => isLeft.length === 1 || isLeft[slot % isLeft.length] === true),
        );
        const bytes = bytesOf((writer) => kept.write(writer, slots, keyOf));
        assert.deepStrictEqual(readColumn(new ByteReader(bytes)), pick(slots, keyOf));
        assert.deepEqual(
          bytes,
          bytesOf((writer) => writeColumn(writer, pick(slots, keyOf))),
        );
      });
    }),
    { numRuns: 1000 },
  );
});

test('a key that was encoded is not looked at again', () => {
  const kept = new GroupKeys();
  const asked: number[] = [];
  const keyOf = (slot: number): Key => (asked.push(slot), [`a${slot}`, slot]);
  const write = (...slots: number[]): Uint8Array => bytesOf((writer) => kept.write(writer, Int32Array.from(slots), keyOf));
  write(3, 5, 9);
  asked.length = 0;
  const bytes = write(3, 5, 9, 12);
  assert.deepEqual([...new Set(asked)], [12]);
  assert.deepStrictEqual(readColumn(new ByteReader(bytes)), [
    ['a3', 3],
    ['a5', 5],
    ['a9', 9],
    ['a12', 12],
  ]);
});
