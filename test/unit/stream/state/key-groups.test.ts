import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from '../../../../src/stream/state/key-groups.js';
import { hashBytes, hashKey } from '../../../../src/stream/state/key-hash.js';
import { mapKey, toKey, type Key } from '../../../../src/stream/state/key.js';

const part = fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.double(), fc.bigInt(), fc.boolean(), fc.constant(null));
const key: fc.Arbitrary<Key> = fc.oneof(part, fc.array(part, { minLength: 1, maxLength: 3 }));

describe('key groups', () => {
  it('keep the hash of known keys for ever', () => {
    // Savepoints file state under these: a change here makes them unreadable.
    const known: [Key, number][] = [
      ['', 2_872_998_923],
      ['SFO', 1_409_661_961],
      ['Zürich', 2_908_468_631],
      [0, 0],
      [-1, 2_707_739_815],
      [2 ** 40, 1_164_980_575],
      [0.5, 3_144_940_345],
      [NaN, 1_437_654_948],
      [10n ** 30n, 1_524_911_269],
      [true, 821_347_078],
      [null, 2_247_144_487],
      [['SFO', 7], 3_940_739_616],
    ];
    assert.deepEqual(
      known.map(([value]) => hashKey(value)),
      known.map(([, hash]) => hash),
    );
  });

  it('give every group to exactly one subtask, in contiguous ranges of nearly equal size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), (total, wanted) => {
        const parallelism = Math.min(total, wanted);
        const ranges = Array.from({ length: parallelism }, (_, index) => keyGroupRange(index, parallelism, total));
        assert.equal(ranges[0]?.from, 0);
        assert.equal(ranges.at(-1)?.to, total);
        ranges.forEach((range, index) => {
          if (index > 0) assert.equal(range.from, ranges[index - 1]?.to);
          const size = range.to - range.from;
          assert.ok(size === Math.floor(total / parallelism) || size === Math.ceil(total / parallelism));
          for (let group = range.from; group < range.to; group++) assert.equal(subtaskOfKeyGroup(group, parallelism, total), index);
        });
      }),
    );
  });

  it('refuse more subtasks than groups', () => {
    assert.throws(() => keyGroupRange(0, 129, 128), { code: 'OPTION_INVALID' });
  });

  it('are in range for every key, and equal for equal keys', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const group = keyGroupOf(a, 128);
        assert.ok(Number.isInteger(group) && group >= 0 && group < 128);
        if (new Set([mapKey(a), mapKey(b)]).size === 1) assert.equal(hashKey(a), hashKey(b));
      }),
    );
  });

  it('hash a string as its UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bytes = Buffer.from(text, 'utf8');
        assert.equal(hashKey(text), hashBytes(bytes, 0, bytes.length));
      }),
    );
  });

  it('hash an integer alike as number and as bigint', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        assert.equal(hashKey(value), hashKey(BigInt(value)));
      }),
    );
  });

  it('tell tuples apart that print alike', () => {
    assert.notEqual(mapKey(['a', 'b']), mapKey(['a b']));
    assert.notEqual(mapKey([1]), mapKey(['1']));
    assert.notEqual(mapKey([1]), mapKey([1n]));
    assert.notEqual(mapKey(['', 'x']), mapKey(['x', '']));
    assert.equal(mapKey([0]), mapKey([-0]));
  });

  it('key a Date by its milliseconds and refuse what cannot be a key', () => {
    assert.equal(toKey(new Date(7)), 7);
    assert.throws(() => toKey({}), { code: 'USER_FUNCTION' });
    assert.throws(() => toKey(undefined), /keyBy: undefined cannot be a key/);
  });
});
