import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RepeatingWriter } from '../../../../src/engines/runtime/repeating-writer.js';
import { createRing, frameKind, RingReader, RingWriter } from '../../../../src/memory/index.js';

const memory = () => createRing({ capacityBytes: 4096 });

/** Writes `frames` frames for each batch; the number of a frame says which it is. */
function write(writer: RepeatingWriter, at: { position: number }, batches: readonly number[], frames: number): boolean {
  return batches.every((position) => {
    at.position = position;
    return Array.from({ length: frames }, (_, i) => writer.tryWrite(frameKind.data, { number: position * 10 + i })).every(Boolean);
  });
}

function numbers(reader: RingReader): number[] {
  const all: number[] = [];
  for (let frame = reader.tryRead(); frame !== undefined; frame = reader.tryRead()) all.push(frame.number);
  reader.release(all.length);
  return all;
}

test('a successor leaves out what its predecessor wrote, to the frame, whatever the consumer has taken meanwhile', () => {
  for (const taken of [false, true]) {
    for (let written = 0; written <= 6; written++) {
      const ring = memory();
      const reader = new RingReader(ring);
      const at = { position: 0 };
      const first = new RepeatingWriter(new RingWriter(ring), () => at.position);
      // Batches 1, 4 and 9 of two frames each; it dies behind `written` of them.
      for (let i = 0; i < written; i++) {
        at.position = [1, 4, 9][i >> 1]!;
        first.tryWrite(frameKind.data, { number: at.position * 10 + (i & 1) });
      }
      const before = taken ? numbers(reader) : [];
      // Whatever of it was acknowledged: the successor is given a suffix again.
      for (const again of [[1, 4, 9], [4, 9], [9]].filter((batches) => written >= 2 * (3 - batches.length))) {
        const successor = new RepeatingWriter(new RingWriter(ring), () => at.position);
        assert.ok(write(successor, at, again, 2));
      }
      assert.deepEqual([...before, ...numbers(reader)], [10, 11, 40, 41, 90, 91]);
    }
  }
});

test('control frames are written each time', () => {
  const ring = memory();
  for (let life = 0; life < 2; life++) new RepeatingWriter(new RingWriter(ring), () => 1).tryWrite(frameKind.watermark, { number: 5 });
  assert.deepEqual(numbers(new RingReader(ring)), [5, 5]);
});

test('a full channel is tried again with the same frame', () => {
  const ring = createRing({ capacityBytes: 1024 });
  const writer = new RepeatingWriter(new RingWriter(ring), () => 1);
  let written = 0;
  while (writer.tryWrite(frameKind.data, { number: written })) written++;
  const reader = new RingReader(ring);
  const before = numbers(reader);
  assert.ok(writer.tryWrite(frameKind.data, { number: written }));
  assert.deepEqual(
    [...before, ...numbers(reader)],
    Array.from({ length: written + 1 }, (_, i) => i),
  );
});
