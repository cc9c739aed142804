import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMillraceError } from '../../../../../src/core/errors.js';
import { chunkBytes, RestoredState, writeChunk } from '../../../../../src/engines/flink/host/chunk-wire.js';

function chunk(uid: string, bytes: Uint8Array): Uint8Array {
  const name = Buffer.from(uid);
  const payload = new Uint8Array(chunkBytes(name, bytes));
  writeChunk(payload, name, bytes);
  return payload;
}

const roll = (...uids: string[]): Uint8Array => chunk('', Buffer.from(JSON.stringify(uids)));
const chain = { name: 'a -> b', uids: ['a', 'b'] };
const again = { restoredId: 4, attempt: 0 };

test('chunks go to their operators, and survive their frame', () => {
  const state = new RestoredState();
  const first = chunk('b', Uint8Array.of(1, 2));
  state.add(3, first);
  first.fill(0);
  state.add(-1, chunk('a', new Uint8Array(0)));
  state.add(4, chunk('b', new Uint8Array(new SharedArrayBuffer(1))));
  const { a, b } = state.of(chain, again);
  assert.deepEqual(a, [{ keyGroup: -1, bytes: new Uint8Array(0) }]);
  assert.deepEqual(b, [
    { keyGroup: 3, bytes: Uint8Array.of(1, 2) },
    { keyGroup: 4, bytes: Uint8Array.of(0) },
  ]);
});

test('an operator on the roll continues also without state; one that is not on it is new', () => {
  const state = new RestoredState();
  state.add(0, roll('a'));
  assert.deepEqual(state.of(chain, again), { a: [] });
});

test('where the roll is gone with a subtask that had finished, a restart continues', () => {
  assert.deepEqual(new RestoredState().of(chain, { restoredId: 4, attempt: 1 }), { a: [], b: [] });
  assert.deepEqual(new RestoredState().of(chain, { restoredId: 4, attempt: 0 }), {});
  assert.deepEqual(new RestoredState().of(chain, { restoredId: -1, attempt: 1 }), {});
});

test('state of an operator that is not in the chain any more is not dropped in silence', () => {
  const state = new RestoredState();
  state.add(0, chunk('c', Uint8Array.of(1)));
  assert.throws(
    () => state.of(chain, again),
    (error: unknown) => isMillraceError(error) && error.code === 'STATE_MISMATCH' && /a -> b: .*state of c /.test(error.message),
  );
});

test('what is too short to be a chunk is refused', () => {
  assert.throws(
    () => new RestoredState().add(0, Uint8Array.of(9, 0, 65)),
    (error: unknown) => isMillraceError(error) && error.code === 'STATE_INVALID',
  );
});
