import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { isMillraceError } from '../../../src/core/index.js';
import { attachDoorbell, createDoorbell, createRing, frameKind, RingReader, RingWriter, type FrameKind, type RingMemory } from '../../../src/memory/index.js';

function ends(capacityBytes: number): { memory: RingMemory; writer: RingWriter; reader: RingReader } {
  const memory = createRing({ capacityBytes });
  return { memory, writer: new RingWriter(memory), reader: new RingReader(memory) };
}

function write(writer: RingWriter, value: number, payloadBytes: number): boolean {
  return writer.tryWrite(frameKind.data, { number: value, payloadBytes, fill: (payload) => payload.fill(value & 255) });
}

function hasCode(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isMillraceError(error), String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

test('a frame arrives with its kind, flags, number and aligned payload', () => {
  const { writer, reader } = ends(4096);
  assert.equal(reader.tryRead(), undefined);
  writer.tryWrite(frameKind.idle, { flags: 1 });
  writer.tryWrite(frameKind.data, { payloadBytes: 3, fill: (payload) => payload.set([1, 2, 3]) });
  assert.deepEqual(reader.tryRead(), { kind: frameKind.idle, flags: 1, number: 0, payload: new Uint8Array(0) });
  const frame = reader.tryRead();
  assert.deepEqual([...(frame?.payload ?? [])], [1, 2, 3]);
  assert.equal((frame?.payload.byteOffset ?? 1) % 64, 0);
  assert.equal(reader.usedBytes, 3 * 64);
  reader.release(2);
  assert.equal(writer.usedBytes, 0);
  assert.equal(reader.releasedFrames, 2);
});

test('numbers keep int64 and both infinities; a fraction is floored', () => {
  const { writer, reader } = ends(4096);
  const values: [number, number][] = [
    [Infinity, Infinity],
    [-Infinity, -Infinity],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    [-1, -1],
    [4294967296, 4294967296],
    [1.75, 1],
    [-1.25, -2],
  ];
  for (const [number] of values) assert.ok(writer.tryWrite(frameKind.watermark, { number }));
  for (const [, expected] of values) assert.equal(reader.tryRead()?.number, expected);
});

test('random frames, partial releases and successors keep every frame once and in order', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('write' as const), bytes: fc.integer({ min: 0, max: 2048 - 64 }) }),
    fc.record({ do: fc.constant('read' as const) }),
    fc.record({ do: fc.constant('release' as const), count: fc.integer({ min: 0, max: 4 }) }),
    fc.record({ do: fc.constant('succeed' as const), who: fc.constantFrom('reader' as const, 'writer' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const { memory, writer: first, reader: firstReader } = ends(4096);
      let writer = first;
      let reader = firstReader;
      const sizes: number[] = [];
      let read = 0;
      let released = 0;
      for (const now of steps) {
        if (now.do === 'write') {
          if (write(writer, sizes.length, now.bytes)) sizes.push(now.bytes);
          else assert.ok(writer.usedBytes > 0, 'an empty ring takes every frame up to the limit');
        } else if (now.do === 'read') {
          const frame = reader.tryRead();
          assert.equal(frame === undefined, read === sizes.length);
          if (frame === undefined) continue;
          assert.equal(frame.number, read);
          assert.equal(frame.payload.length, sizes[read]);
          assert.ok(frame.payload.every((byte) => byte === (read & 255)));
          read++;
        } else if (now.do === 'release') {
          const count = Math.min(now.count, read - released);
          reader.release(count);
          released += count;
        } else if (now.who === 'writer') writer = new RingWriter(memory);
        else {
          reader = new RingReader(memory);
          read = released;
        }
        assert.equal(reader.releasedFrames, released);
        assert.equal(reader.usedBytes, writer.usedBytes);
      }
    }),
    { numRuns: 300 },
  );
});

test('a frame that ends exactly at the end of the ring does not skip, and the next starts at the beginning', () => {
  const { writer, reader } = ends(1024);
  for (let i = 0; i < 2; i++) {
    assert.ok(write(writer, i, 7 * 64));
    assert.equal(writer.usedBytes, (i + 1) * 512);
  }
  assert.equal(write(writer, 2, 0), false, 'full to the last unit');
  assert.equal(reader.tryRead()?.number, 0);
  reader.release(1);
  assert.ok(write(writer, 2, 7 * 64));
  assert.equal(reader.tryRead()?.number, 1);
  assert.equal(reader.tryRead()?.number, 2);
});

test('positions keep their meaning when the counter of units wraps', () => {
  const memory = createRing({ capacityBytes: 1024 });
  const cells = new Int32Array(memory.buffer);
  cells[0] = cells[32] = 0x7fffffff - 7;
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  for (let i = 0; i < 100; i++) {
    assert.ok(write(writer, i, 200));
    assert.equal(reader.tryRead()?.number, i);
    reader.release(1);
    assert.equal(writer.usedBytes, 0);
  }
  assert.ok((cells[0] ?? 0) < 0);
});

test('a payload that can never fit is refused with its size and the limit', () => {
  const { writer } = ends(4096);
  assert.equal(writer.maxPayloadBytes, 1984);
  assert.throws(() => write(writer, 0, 1985), hasCode('RECORD_TOO_LARGE', /1985 bytes .* 4096 bytes, which carries 1984/));
  assert.throws(() => createRing({ capacityBytes: 10 }), hasCode('OPTION_INVALID', /got 10/));
});

test('a fill that throws leaves nothing behind', () => {
  const { writer, reader } = ends(1024);
  assert.throws(() =>
    writer.tryWrite(frameKind.data, {
      payloadBytes: 8,
      fill: () => {
        throw new Error('no');
      },
    }),
  );
  assert.equal(reader.tryRead(), undefined);
  assert.ok(write(writer, 5, 8));
  assert.equal(reader.tryRead()?.number, 5);
});

test('an unknown kind, a broken length and a release of what was not read are errors', () => {
  const unknown = ends(1024);
  unknown.writer.tryWrite(99 as FrameKind);
  assert.throws(() => unknown.reader.tryRead(), hasCode('PROTOCOL', /unknown kind 99/));
  const broken = ends(1024);
  write(broken.writer, 0, 8);
  new Int32Array(broken.memory.buffer)[64] = 1 << 20;
  assert.throws(() => broken.reader.tryRead(), hasCode('PROTOCOL', /1048576 bytes/));
  assert.throws(
    () => {
      ends(1024).reader.release(1);
    },
    hasCode('INTERNAL', /1 frames released where 0/),
  );
});

test('a ring between looking and sleeping is not lost, and a wait ends at its deadline', async () => {
  const bell = createDoorbell();
  const seen = bell.epoch;
  attachDoorbell(bell.memory).ring();
  await bell.wait(seen, 2 ** 31);
  bell.waitSync(seen, 60_000);
  const quiet = bell.epoch;
  assert.notEqual(quiet, seen);
  await bell.wait(quiet, 1);
  assert.equal(bell.epoch, quiet);
  setImmediate(() => bell.ring());
  await bell.wait(quiet, 60_000);
  assert.notEqual(bell.epoch, quiet);
});

for (const mode of ['async', 'sync'] as const) {
  test(`two threads pass 20000 frames through a small ring, the consumer waiting ${mode}`, { timeout: 60_000 }, async () => {
    const memory = createRing({ capacityBytes: 8192 });
    const frames = 20_000;
    const consumer = new Worker(new URL('./ring-consumer.js', import.meta.url), { workerData: { memory, mode } });
    const writer = new RingWriter(memory);
    const bell = attachDoorbell(memory.producerBell);
    for (let i = 0; i < frames;) {
      const seen = bell.epoch;
      if (write(writer, i, (i * 37) % 3000)) i++;
      else await bell.wait(seen, 30_000);
    }
    for (let seen = bell.epoch; !writer.tryWrite(frameKind.endOfInput); seen = bell.epoch) await bell.wait(seen, 30_000);
    const [report] = (await once(consumer, 'message')) as [{ frames: number; wrong: number }];
    assert.deepEqual(report, { frames, wrong: 0 });
    await consumer.terminate();
  });
}

test('the successor of a writer knows the name of the newest frame that was published', () => {
  const memory = createRing({ capacityBytes: 1024 });
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  assert.equal(new RingWriter(memory).named, undefined);
  // Far more than the ring holds: its places are used again and again.
  for (let position = 1; position <= 100; position++) {
    assert.ok(writer.tryWrite(frameKind.data, { payloadBytes: 100, name: { position, frames: 2 } }));
    assert.ok(writer.tryWrite(frameKind.watermark, { number: position }));
    assert.deepEqual(new RingWriter(memory).named, { position, frames: 2 });
    assert.deepEqual([reader.tryRead()?.kind, reader.sequence, reader.name], [frameKind.data, 2 * (position - 1), { position, frames: 2 }]);
    assert.deepEqual([reader.tryRead()?.kind, reader.sequence, reader.name], [frameKind.watermark, 2 * position - 1, undefined]);
    reader.release(2);
  }
});

test('a name whose frame was not published does not count', () => {
  const memory = createRing({ capacityBytes: 1024 });
  new RingWriter(memory).tryWrite(frameKind.data, { name: { position: 1, frames: 1 } });
  const published = new Uint8Array(memory.buffer.slice(0, 8));
  new RingWriter(memory).tryWrite(frameKind.data, { name: { position: 2, frames: 1 } });
  // As a death before the last store leaves it.
  new Uint8Array(memory.buffer).set(published);
  assert.deepEqual(new RingWriter(memory).named, { position: 1, frames: 1 });
});
