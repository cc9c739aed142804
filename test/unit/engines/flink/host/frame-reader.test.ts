import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FramePool } from '../../../../../src/engines/flink/host/frame-pool.js';
import { FrameReader } from '../../../../../src/engines/flink/host/frame-reader.js';
import { FrameMemory, type LinkFrame } from '../../../../../src/engines/flink/host/wire.js';
import { isMillraceError } from '../../../../../src/core/errors.js';
import { encodeFrame } from './java-peer.js';

const header = {
  kind: fc.integer({ min: 0, max: 255 }),
  flags: fc.integer({ min: 0, max: 255 }),
  edge: fc.integer({ min: 0, max: 65_535 }),
  target: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  from: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  rows: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
};
const frames = fc.array(fc.record({ ...header, number: fc.maxSafeInteger(), payload: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 8 });

/** As a socket does: so much as the target takes. */
function bring(reader: FrameReader, bytes: Uint8Array): number {
  const { target } = reader;
  const part = bytes.subarray(0, target.length);
  target.set(part);
  reader.accept(part.length);
  return part.length;
}

test('frames come whole, in order and at aligned places, in whatever pieces the socket brings them', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (sent, pieces) => {
      const bytes = Buffer.concat(sent.map((frame) => encodeFrame({ ...frame, number: BigInt(frame.number), payload: Buffer.from(frame.payload) })));
      const got: unknown[] = [];
      const reader = new FrameReader(new FramePool(), ({ release, payload, ...rest }: LinkFrame) => {
        assert.equal(payload.byteOffset % 64, 0);
        got.push({ ...rest, payload: [...payload] });
        // The memory is used again by the next one.
        release();
      });
      for (let at = 0, piece = 0; at < bytes.length; piece++) {
        const length = pieces[piece % pieces.length] as number;
        at += bring(reader, bytes.subarray(at, at + length));
      }
      assert.equal(reader.inFrame, false);
      assert.deepEqual(
        got,
        sent.map((frame) => ({ ...frame, payload: [...frame.payload] })),
      );
    }),
  );
});

test('a large frame is read to where it stays, whatever comes behind it', () => {
  const sizes = [8 * 1024 - 1, 8 * 1024, 65_536, 3, 300_000, 0, 100_000, 100_000, 1 << 20];
  const bytes = Buffer.concat(sizes.map((size, i) => encodeFrame({ kind: 4, number: BigInt(i), payload: Buffer.alloc(size, i + 1) })));
  for (const piece of [1_000, 27, 8_192, 208_000, bytes.length]) {
    const got: { readonly number: number; readonly payload: Buffer }[] = [];
    const reader = new FrameReader(new FramePool(), ({ number, payload, release }) => {
      assert.equal(payload.byteOffset % 64, 0);
      got.push({ number, payload: Buffer.from(payload) });
      // What lies behind the frame in its memory is not there any more.
      new Uint8Array(payload.buffer).fill(0xee);
      release();
    });
    let direct = 0;
    for (let at = 0; at < bytes.length;) {
      if (reader.target.buffer.byteLength > 64 * 1024) direct++;
      at += bring(reader, bytes.subarray(at, at + piece));
    }
    assert.equal(reader.inFrame, false);
    assert.ok(direct > 0);
    assert.deepEqual(
      got.map(({ number, payload }) => [number, payload.length, payload.every((byte) => byte === number + 1)]),
      sizes.map((size, i) => [i, size, true]),
    );
  }
});

test('a frame that is written has the layout that Java reads', () => {
  fc.assert(
    fc.property(fc.record({ ...header, number: fc.maxSafeInteger() }), fc.uint8Array({ maxLength: 200 }), (fields, payload) => {
      const memory = new FrameMemory(256);
      memory.payload(payload.length).set(payload);
      memory.writeHeader(fields, payload.length);
      const expected = encodeFrame({ ...fields, number: BigInt(fields.number), payload: Buffer.from(payload) });
      assert.deepEqual(Buffer.from(memory.frame(payload.length)), expected);
    }),
  );
});

test('the end of time is the largest number of Java', () => {
  const memory = new FrameMemory(0);
  memory.writeHeader({ kind: 4, number: Infinity }, 0);
  assert.deepEqual(Buffer.from(memory.frame(0)), encodeFrame({ kind: 4, number: 2n ** 63n - 1n }));
  assert.equal(memory.header.number, Infinity);
});

test('a length that no frame has is refused', () => {
  for (const length of [0, 23, 2 ** 31]) {
    const bytes = Buffer.alloc(28);
    bytes.writeUInt32LE(length);
    const reader = new FrameReader(new FramePool(), () => assert.fail('there is no frame'));
    assert.throws(
      () => bring(reader, bytes),
      (error: unknown) => isMillraceError(error) && error.code === 'PROTOCOL' && error.message.includes(`${length} bytes`),
    );
  }
});
