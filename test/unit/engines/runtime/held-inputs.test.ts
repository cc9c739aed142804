import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldInputs } from '../../../../src/engines/runtime/held-inputs.js';
import { createRing, frameKind, RingReader, RingWriter, type FrameKind } from '../../../../src/memory/index.js';

class Bench {
  readonly memory = createRing({ capacityBytes: 4096 });
  readonly writer = new RingWriter(this.memory);
  unacknowledged = 0;
  /** Whether an output waits for room, and whether what was written is safe. */
  isHeld = false;
  isSafe = true;

  inputs(isExact = true, epoch = 0): { readonly inputs: HeldInputs; read(): FrameKind | undefined } {
    const inputs = new HeldInputs({ isExact, barrier: 0, epoch, unacknowledged: { set: (value) => (this.unacknowledged = value) } });
    const reader = inputs.add(new RingReader(this.memory));
    inputs.guard(() => (this.isHeld ? undefined : () => this.isSafe));
    const read = (): FrameKind | undefined => {
      const frame = reader.tryRead();
      // As the loop does when it has gone on from a frame.
      if (frame !== undefined) reader.release();
      return frame?.kind;
    };
    return { inputs, read };
  }

  /** Kinds of frames that a successor would be given. */
  get left(): readonly FrameKind[] {
    const reader = new RingReader(this.memory);
    const kinds: FrameKind[] = [];
    for (let frame = reader.tryRead(); frame !== undefined; frame = reader.tryRead()) kinds.push(frame.kind);
    return kinds;
  }
}

test('a batch stays until it and all before it are acknowledged; control frames leave with the batches before them', () => {
  const bench = new Bench();
  for (const kind of [frameKind.data, frameKind.watermark, frameKind.data, frameKind.barrier]) bench.writer.tryWrite(kind);
  const { inputs, read } = bench.inputs();
  read();
  const first = inputs.position;
  read();
  read();
  const second = inputs.position;
  read();
  assert.deepEqual([first, second, bench.unacknowledged], [1, 3, 2]);
  inputs.acknowledge(second);
  assert.deepEqual(bench.left, [frameKind.data, frameKind.watermark, frameKind.data, frameKind.barrier]);
  inputs.acknowledge(first);
  assert.deepEqual([bench.left, bench.unacknowledged], [[], 0]);
});

test('a successor that gets a batch again sees the same position', () => {
  const bench = new Bench();
  for (let i = 0; i < 3; i++) bench.writer.tryWrite(frameKind.data);
  const before = bench.inputs();
  before.read();
  before.inputs.acknowledge(before.inputs.position);
  before.read();
  const after = bench.inputs();
  after.read();
  assert.equal(after.inputs.position, before.inputs.position);
});

test('positions that are not exact are above those of every predecessor', () => {
  const bench = new Bench();
  for (let i = 0; i < 10; i++) bench.writer.tryWrite(frameKind.watermark);
  for (const epoch of [3, 4]) {
    const { inputs, read } = bench.inputs(false, epoch);
    bench.writer.tryWrite(frameKind.data);
    while (read() !== undefined);
    assert.ok(inputs.position > inputs.firstPosition && inputs.firstPosition === epoch * 2 ** 32);
  }
});

test('nothing is released while an output waits for room, nor before what was written is safe', () => {
  const bench = new Bench();
  bench.writer.tryWrite(frameKind.data);
  const { inputs, read } = bench.inputs();
  read();
  bench.isHeld = true;
  inputs.acknowledge(inputs.position);
  assert.equal(bench.left.length, 1);
  bench.isHeld = false;
  bench.isSafe = false;
  assert.equal(read(), undefined);
  assert.equal(bench.left.length, 1);
  bench.isSafe = true;
  read();
  assert.equal(bench.left.length, 0);
});

test('the end of the input is never released: a successor must see it', () => {
  const bench = new Bench();
  bench.writer.tryWrite(frameKind.data);
  bench.writer.tryWrite(frameKind.endOfInput);
  const { inputs, read } = bench.inputs();
  read();
  read();
  inputs.acknowledge(inputs.position);
  assert.deepEqual(bench.left, [frameKind.endOfInput]);
});
