import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { GroupEncoder } from '../../../../src/stream/state/group-state.js';
import { keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from '../../../../src/stream/state/key-groups.js';
import { KeyedState } from '../../../../src/stream/state/keyed-state.js';
import { valueState } from '../../../../src/stream/state/descriptors.js';
import type { Key } from '../../../../src/stream/state/key.js';
import type { StateChunk, SubtaskContext } from '../../../../src/stream/subtask.js';

const keyGroups = 8;
const name = 'windows';

type Values = Map<Key, unknown>;

class Subtask {
  readonly state: KeyedState;
  readonly #handle: { value: unknown };

  constructor(index: number, parallelism: number, chunks: readonly StateChunk[]) {
    const range = keyGroupRange(index, parallelism, keyGroups);
    this.state = new KeyedState({ operator: { name }, keyGroups: range } as SubtaskContext, { window: valueState<unknown>() });
    this.state.restore(chunks.filter(({ keyGroup }) => subtaskOfKeyGroup(keyGroup, parallelism, keyGroups) === index));
    this.#handle = this.state.handles()['window'] as { value: unknown };
  }

  at(key: Key): { value: unknown } {
    this.state.slot = this.state.keys.slotsOfKeys([key])[0]!;
    return this.#handle;
  }

  values(): Values {
    const values: Values = new Map();
    this.state.keys.liveSlots().forEach((slot) => {
      const key = this.state.keys.keyOf(slot);
      values.set(key, this.at(key).value);
    });
    return values;
  }
}

const number = fc.oneof(fc.integer(), fc.double(), fc.constant(-0));
const windows = fc.record({ flights: fc.array(number), first: fc.integer(), mean: fc.oneof(fc.integer(), fc.double()) });
const integers = fc.record({ flights: fc.array(fc.integer()), delays: fc.array(fc.integer()), first: fc.integer() });
const strange = fc.oneof(
  fc.record({ first: fc.integer(), flights: fc.array(number) }),
  fc.record({ flights: fc.array(fc.oneof(number, fc.string())), first: fc.integer(), mean: number }),
  fc.record({ flights: fc.option(fc.array(number)), first: number, mean: fc.option(number) }),
  fc.constant(undefined),
  fc.array(number).map((shared) => ({ flights: shared, delays: shared, first: 1 })),
  number,
);
const mixed = fc.oneof({ weight: 6, arbitrary: windows }, strange);
const keys = fc.integer({ min: 0, max: 40 });

/** Sets some keys, then takes a snapshot, then goes on with that many subtasks. */
const rounds = (value: fc.Arbitrary<unknown>) =>
  fc.array(fc.record({ sets: fc.array(fc.tuple(keys, value), { maxLength: 30 }), parallelism: fc.integer({ min: 1, max: keyGroups }) }), { maxLength: 5 });

test('what keys hold survives any number of snapshots and restores, on any number of subtasks', () => {
  fc.assert(
    fc.property(fc.oneof(rounds(windows), rounds(integers), rounds(mixed)), (steps) => {
      const expected: Values = new Map();
      let subtasks = [new Subtask(0, 1, [])];
      for (const { sets, parallelism } of steps) {
        for (const [key, value] of sets) {
          const owner = subtaskOfKeyGroup(keyGroupOf(key, keyGroups), subtasks.length, keyGroups);
          const own: unknown = deserialize(serialize(value));
          subtasks[owner]!.at(key).value = own;
          if (own === undefined) expected.delete(key);
          else expected.set(key, deserialize(serialize(value)));
        }
        const chunks = subtasks.flatMap(({ state }) => state.snapshot());
        // Another snapshot of the same is the same.
        assert.deepEqual(
          subtasks.flatMap(({ state }) => state.snapshot()),
          chunks,
        );
        subtasks = Array.from({ length: parallelism }, (_, index) => new Subtask(index, parallelism, chunks));
        assert.deepStrictEqual(new Map(subtasks.flatMap((subtask) => [...subtask.values()]).sort(byKey)), new Map([...expected].sort(byKey)));
      }
    }),
    { numRuns: 200 },
  );
});

test('a group has the same bytes, whether columns were gathered over all groups or made for it alone', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, fc.oneof(windows, integers)), { maxLength: 60 }), fc.boolean(), (sets, isMixed) => {
      const subtask = new Subtask(0, 1, []);
      for (const [key, value] of sets) subtask.at(key).value = value;
      // Of another shape: nothing can be gathered.
      if (isMixed) subtask.at(1000).value = 'text';
      subtask.state.watermark = 7;
      const encoder = new GroupEncoder(name);
      for (const { keyGroup, bytes } of subtask.state.snapshot()) {
        const own = [...subtask.values()].filter(([key]) => keyGroupOf(key, keyGroups) === keyGroup);
        const alone = {
          keys: own.map(([key]) => key),
          state: { window: own.map(([, value]) => value) },
          eventTimers: [],
          processingTimers: [],
          watermark: 7,
        };
        assert.deepEqual(bytes, encoder.encode(alone), `group ${keyGroup}`);
      }
    }),
    { numRuns: 200 },
  );
});

test('a later, smaller snapshot holds nothing of an earlier one', () => {
  const subtask = new Subtask(0, 1, []);
  for (let key = 0; key < 40; key++) subtask.at(key).value = { flights: Array.from({ length: 100 }, (_, i) => i + 0.5), first: key };
  subtask.state.snapshot();
  for (let key = 0; key < 40; key++) subtask.at(key).value = key === 3 ? { flights: [1.5], first: 2 } : undefined;
  const restored = new Subtask(0, 1, subtask.state.snapshot());
  assert.deepStrictEqual(restored.values(), new Map([[3, { flights: [1.5], first: 2 }]]));
});

test('a slot that was given to another key is encoded with that key', () => {
  const subtask = new Subtask(0, 1, []);
  const last = 3000;
  // One key at a time holds something: where the table would have to grow, slots of the others are handed out again.
  for (let key = 0; key <= last; key++) {
    subtask.at(key).value = { first: key };
    if (key % 10 === 0) subtask.state.snapshot();
    if (key < last) subtask.at(key).value = undefined;
  }
  assert.ok(subtask.state.keys.slotCount < 1000, 'no slot was handed out again');
  assert.deepStrictEqual(new Subtask(0, 1, subtask.state.snapshot()).values(), new Map([[last, { first: last }]]));
});

function byKey([a]: [Key, unknown], [b]: [Key, unknown]): number {
  return Number(a) - Number(b);
}
