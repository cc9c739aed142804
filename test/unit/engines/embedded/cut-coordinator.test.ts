import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CutCoordinator } from '../../../../src/engines/embedded/cut-coordinator.js';
import type { ChainState, ToSubtask } from '../../../../src/engines/runtime/protocol.js';
import type { SubtaskHandle } from '../../../../src/engines/embedded/subtask-handle.js';

class FakeHandle {
  ended: ChainState | undefined;
  readonly posted: ToSubtask[] = [];

  constructor(readonly name: string) {}

  post(message: ToSubtask): void {
    this.posted.push(message);
  }

  get handle(): SubtaskHandle {
    return this as unknown as SubtaskHandle;
  }
}

const stateOf = (uid: string, value: number): ChainState => ({ [uid]: [{ keyGroup: -1, bytes: Uint8Array.of(value) }] });
const values = (state: ReadonlyMap<string, readonly { readonly bytes: Uint8Array }[]>): Record<string, number[]> =>
  Object.fromEntries([...state].map(([uid, chunks]) => [uid, chunks.map(({ bytes }) => bytes[0]!)]));

test('a source that passes the barrier and then ends, while others still answer, counts with its state at the barrier', async () => {
  const cuts = new CutCoordinator(1_000);
  const [source, slow] = [new FakeHandle('source'), new FakeHandle('slow')];
  const taken = cuts.take([source.handle, slow.handle], false);
  cuts.answered(source.handle, 1, stateOf('source', 10));
  source.ended = stateOf('source', 99);
  cuts.ended();
  cuts.answered(slow.handle, 1, stateOf('slow', 5));
  assert.deepEqual(values((await taken).state), { source: [10], slow: [5] });
});

test('who ended before the barrier counts with its last state, and numbers go on where an earlier run stopped', async () => {
  const cuts = new CutCoordinator(1_000, 41);
  const [source, sink] = [new FakeHandle('source'), new FakeHandle('sink')];
  source.ended = stateOf('source', 99);
  const taken = cuts.take([source.handle, sink.handle], false);
  cuts.answered(sink.handle, 41, stateOf('sink', 1));
  cuts.answered(sink.handle, 42, stateOf('sink', 2));
  const { cut, state } = await taken;
  assert.equal(cut, 42);
  assert.deepEqual(values(state), { source: [99], sink: [2] });
});

test('a cut that is abandoned is aborted everywhere', async () => {
  const cuts = new CutCoordinator(1_000);
  const source = new FakeHandle('source');
  const taken = cuts.take([source.handle], true);
  cuts.abandon(new Error('the job ends') as never);
  await assert.rejects(taken, /the job ends/);
  assert.deepEqual(source.posted.at(-1), { type: 'abort', cut: 1 });
});
