import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { decodeGroup, GroupEncoder, type GroupState } from '../../../../src/stream/state/group-state.js';
import type { Key } from '../../../../src/stream/state/key.js';

const encoder = new GroupEncoder('count');

function groupOf(values: unknown[], keys: Key[] = values.map((_, i) => i)): GroupState {
  return { keys, state: { value: values }, eventTimers: [], processingTimers: [], watermark: -Infinity };
}

function restored(group: GroupState): GroupState {
  return decodeGroup({ keyGroup: 3, bytes: encoder.encode(group) }, 'count');
}

function valuesBack(...values: unknown[]): unknown[] {
  return restored(groupOf(values)).state['value']!;
}

const scalar = fc.oneof(
  { weight: 4, arbitrary: fc.double() },
  fc.integer(),
  fc.constant(-0),
  fc.boolean(),
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constant(null),
  fc.bigInt(),
);
const list = fc.oneof(fc.array(fc.double()), fc.array(fc.integer()), fc.array(fc.string()), fc.array(fc.boolean()), fc.array(scalar));
const record = fc.record({ count: fc.integer(), name: fc.string(), mean: fc.double() });
const strange = fc.oneof(
  fc.date({ noInvalidDate: true }),
  fc.uint8Array(),
  fc.array(list),
  fc.dictionary(fc.string(), scalar),
  fc.array(fc.tuple(scalar, scalar)).map((pairs) => new Map(pairs)),
);
const kinds: fc.Arbitrary<unknown>[] = [
  scalar,
  fc.double(),
  fc.integer(),
  fc.string({ unit: 'binary' }),
  list,
  fc.array(fc.double()),
  record,
  fc.array(record),
  fc.record({ times: fc.array(fc.double()), names: fc.array(fc.string()), last: fc.option(fc.string()), seen: fc.boolean() }),
  fc.record({ inner: record, more: fc.array(record), maybe: fc.option(list) }),
  strange,
];
// Values of one state are mostly alike.
const column = fc.oneof(...kinds.map((kind) => fc.array(fc.option(kind, { nil: undefined }))), fc.array(fc.oneof(...kinds)));
const key = fc.oneof(fc.integer(), fc.string(), fc.tuple(fc.string(), fc.string(), fc.integer()), fc.tuple(fc.option(fc.string()), fc.boolean()));

test('state comes back as the structured clone of what it was', () => {
  fc.assert(
    fc.property(column, fc.array(key), fc.array(fc.double()), fc.double({ noNaN: true }), (values, keys, eventTimers, watermark) => {
      const group: GroupState = { keys, state: { first: values, second: values.map(() => 1) }, eventTimers, processingTimers: [1, 2], watermark };
      assert.deepStrictEqual(restored(group), deserialize(serialize(group)));
    }),
    { numRuns: 2000 },
  );
});

test('equal states are equal bytes, whatever was encoded before', () => {
  const group = groupOf([{ times: [1.5, 2], name: 'a' }, undefined, { times: [], name: 'bcd' }]);
  const first = encoder.encode(group);
  encoder.encode(groupOf(['x'.repeat(1000), 'y']));
  assert.deepEqual(encoder.encode(group), first);
});

test('what is reached in two ways comes back as one', () => {
  const shared = [1, 2];
  const [twice] = valuesBack({ a: shared, b: shared }) as { a: number[]; b: number[] }[];
  assert.equal(twice!.a, twice!.b);
  const item = { n: 1 };
  const [items] = valuesBack([item, item, { n: 2 }]) as { n: number }[][];
  assert.equal(items![0], items![1]);
  const node: { n: number; next?: object } = { n: 1 };
  node.next = node;
  const [cycle] = valuesBack(node) as { next?: object }[];
  assert.equal(cycle!.next, cycle);
  const tail = { n: 2, next: null };
  const [queue] = valuesBack({ head: { n: 1, next: tail }, tail }) as { head: { next: object }; tail: object }[];
  assert.equal(queue!.head.next, queue!.tail);
});

test('values that look alike stay what they are', () => {
  const sparse = [1, 2, 3];
  Reflect.deleteProperty(sparse, 1);
  const own = JSON.parse('{"__proto__": 1, "a": 2}') as object;
  const values = [
    [sparse, [4, 5, 6]],
    [own, own],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [{ a: 1 }, { a: 1, b: undefined }],
    [-0, 0],
    [[-0], [1]],
    [{ a: [] }, { a: null }],
  ];
  for (const pair of values) {
    const back = valuesBack(...pair);
    assert.deepStrictEqual(back, deserialize(serialize(pair)));
    assert.deepEqual(
      back.map((value) => Object.keys(value as object)),
      pair.map((value) => Object.keys(value as object)),
    );
  }
});

test('state that is no data is refused with the name of the operator', () => {
  assert.throws(() => encoder.encode(groupOf([{ f: () => 1 }])), { code: 'USER_FUNCTION', message: /^count: its state cannot be encoded/ });
});

test('a chunk of the first version is read', () => {
  const stored =
    'Af8PbyIEa2V5c0ECQQIiA0xBWEkOJAACQQIiA0pGS0kQJAACJAACIgVzdGF0ZW8iA3N1bUECTgAAAAAAAPg/XyQAAiIGcmVjZW50QQJBAkkCSQQkAAJBAUkGJAABJAACewIiC2V2ZW50VGltZXJzQQJJAknQDyQAAiIQcHJvY2Vzc2luZ1RpbWVyc0EAJAAAIgl3YXRlcm1hcmtJiA57BQ==';
  assert.deepEqual(decodeGroup({ keyGroup: 3, bytes: Buffer.from(stored, 'base64') }, 'count'), {
    keys: [
      ['LAX', 7],
      ['JFK', 8],
    ],
    state: { sum: [1.5, undefined], recent: [[1, 2], [3]] },
    eventTimers: [1, 1000],
    processingTimers: [],
    watermark: 900,
  });
});

test('a later version and cut off bytes are refused', () => {
  const bytes = encoder.encode({ ...groupOf([{ times: [1.5], name: 'a' }, new Map([[1, 2]])], [['a', 1], null]), eventTimers: [1, 2] });
  assert.throws(() => decodeGroup({ keyGroup: 3, bytes: Uint8Array.of(3) }, 'count'), { code: 'STATE_INVALID', message: /key group 3 has version 3/ });
  for (let length = 8; length < bytes.length; length += 8) {
    assert.throws(() => decodeGroup({ keyGroup: 3, bytes: bytes.slice(0, length) }, 'count'), { code: 'STATE_INVALID' }, `${length} of ${bytes.length} bytes`);
  }
});
