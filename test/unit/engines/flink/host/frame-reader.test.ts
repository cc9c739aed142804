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
        reader.push(bytes.subarray(at, at + length));
        at += length;
      }
      assert.equal(reader.inFrame, false);
      assert.deepEqual(
        got,
        sent.map((frame) => ({ ...frame, payload: [...frame.payload] })),
      );
    }),
  );
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
      () => reader.push(bytes),
      (error: unknown) => isMillraceError(error) && error.code === 'PROTOCOL' && error.message.includes(`${length} bytes`),
    );
  }
});
