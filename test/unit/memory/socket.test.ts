import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { isMillraceError, type MillraceError } from '../../../src/core/index.js';
import { attachDoorbell, createDoorbell, frameKind, SocketReader, SocketWriter, type Frame } from '../../../src/memory/index.js';
import { encodeHeader, encodeHello, headerBytes } from '../../../src/memory/socket-wire.js';

const capacityBytes = 4096;
const largestPayload = capacityBytes / 2 - 64;
const folder = mkdtempSync(join(tmpdir(), 'socket-test-'));
const path = join(folder, 's');
/** Also those of a test that failed: they would keep the process alive. */
const sockets: Socket[] = [];
let server: Server;

before(async () => {
  server = createServer().listen(path);
  await once(server, 'listening');
});
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

/** Two ends of a Unix socket: the producer's, which accepted, and the consumer's. */
async function connected(): Promise<[Socket, Socket]> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = createConnection(path);
  const [[producer]] = await Promise.all([accepted, once(socket, 'connect')]);
  sockets.push(producer, socket);
  return [producer, socket];
}

/** Ends of a channel with what they report, and events to wait for. */
class Ends {
  readonly producerBell = createDoorbell();
  readonly consumerBell = createDoorbell();
  readonly writerErrors: MillraceError[] = [];
  readonly readerErrors: MillraceError[] = [];
  writer = this.newWriter(false);
  reader = this.newReader();
  #heard: (() => void) | undefined;
  #hello: Promise<unknown> | undefined;

  newWriter(succeeds: boolean): SocketWriter {
    const writer = new SocketWriter({
      capacityBytes,
      producerBell: this.producerBell.memory,
      onBroken: (error) => writer === this.writer && this.#report(this.writerErrors, error),
      succeeds,
    });
    return writer;
  }

  newReader(): SocketReader {
    const reader = new SocketReader({
      capacityBytes,
      consumerBell: this.consumerBell.memory,
      // What a reader that has a successor says, nobody hears.
      onBroken: (error) => reader === this.reader && this.#report(this.readerErrors, error),
    });
    return reader;
  }

  async connect(): Promise<[Socket, Socket]> {
    const [producer, consumer] = await connected();
    this.#hello = once(consumer, 'data');
    this.#hello.catch(() => undefined);
    this.writer.attach(producer);
    this.reader.attach(consumer);
    return [producer, consumer];
  }

  /** Until the newest reader has got the first bytes of its writer. */
  async hello(): Promise<void> {
    await this.#hello;
  }

  /** The next frame, waited for on the bell. */
  async read(): Promise<Frame> {
    for (;;) {
      const seen = this.consumerBell.epoch;
      const frame = this.reader.tryRead();
      if (frame !== undefined) return frame;
      await attachDoorbell(this.consumerBell.memory).wait(seen, 5_000);
    }
  }

  /** Until the producer has no more than `bytes` unreleased. */
  async until(bytes: number): Promise<void> {
    for (;;) {
      const seen = this.producerBell.epoch;
      if (this.writer.usedBytes <= bytes) return;
      await this.producerBell.wait(seen, 5_000);
    }
  }

  async error(errors: readonly MillraceError[]): Promise<MillraceError> {
    while (errors.length === 0) await new Promise<void>((resolve) => (this.#heard = resolve));
    return errors[0]!;
  }

  assertNoError(): void {
    assert.deepEqual([...this.writerErrors, ...this.readerErrors], []);
  }

  close(): void {
    this.writer.close();
    this.reader.close();
  }

  #report(errors: MillraceError[], error: MillraceError): void {
    errors.push(error);
    this.#heard?.();
  }
}

function write({ writer }: Ends, value: number, payloadBytes: number): boolean {
  return writer.tryWrite(frameKind.data, { number: value, payloadBytes, fill: (payload) => payload.fill(value & 255) });
}

test('frames written before and after the connection arrive in order, payloads aligned', async () => {
  const ends = new Ends();
  assert.equal(ends.reader.tryRead(), undefined);
  write(ends, 7, 3);
  ends.writer.tryWrite(frameKind.idle, { flags: 1 });
  await ends.connect();
  ends.writer.tryWrite(frameKind.watermark, { number: Infinity });
  write(ends, -1, largestPayload);
  const frames = [await ends.read(), await ends.read(), await ends.read(), await ends.read()];
  assert.deepEqual(
    frames.map(({ kind, flags, number, payload }) => [kind, flags, number, payload.length]),
    [
      [frameKind.data, 0, 7, 3],
      [frameKind.idle, 1, 0, 0],
      [frameKind.watermark, 0, Infinity, 0],
      [frameKind.data, 0, -1, largestPayload],
    ],
  );
  assert.deepEqual([...frames[0]!.payload], [7, 7, 7]);
  assert.ok(frames[3]!.payload.every((byte) => byte === 255));
  for (const { payload } of [frames[0]!, frames[3]!]) assert.equal(payload.byteOffset % 64, 0);
  ends.close();
  ends.assertNoError();
});

test('a reader that does not release holds the writer back at the capacity; control frames too', async () => {
  const ends = new Ends();
  await ends.connect();
  let written = 0;
  while (write(ends, written, 512 - 64)) written++;
  assert.equal(written, capacityBytes / 512);
  assert.equal(ends.writer.tryWrite(frameKind.barrier, { number: 1 }), false);
  for (let i = 0; i < written; i++) assert.equal((await ends.read()).number, i);
  // All of it is read and none of it released: still full.
  assert.equal(write(ends, written, 0), false);
  assert.equal(ends.reader.usedBytes, capacityBytes);
  ends.reader.release(1);
  await ends.until(capacityBytes - 512);
  assert.equal(ends.writer.releasedFrames, 1);
  assert.ok(ends.writer.tryWrite(frameKind.barrier, { number: 1 }));
  assert.equal((await ends.read()).kind, frameKind.barrier);
  ends.close();
});

test('an oversized frame is an error that names its size and the limit', () => {
  const ends = new Ends();
  assert.throws(
    () => write(ends, 0, largestPayload + 1),
    (error) =>
      isMillraceError(error) &&
      error.code === 'RECORD_TOO_LARGE' &&
      error.details['payloadBytes'] === largestPayload + 1 &&
      error.details['maxPayloadBytes'] === largestPayload,
  );
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), bytes: fc.integer({ min: 0, max: largestPayload }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('control' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), count: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('succeed' as const) }) },
);

test('random frames, partial releases and successors of the reader keep every frame once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async (steps) => {
      const ends = new Ends();
      await ends.connect();
      const sizes: number[] = [];
      let read = 0;
      let released = 0;
      const check = (frame: Frame): void => {
        assert.equal(frame.number, read);
        assert.equal(frame.kind, sizes[read] === -1 ? frameKind.barrier : frameKind.data);
        assert.equal(frame.payload.length, Math.max(sizes[read]!, 0));
        assert.ok(frame.payload.every((byte) => byte === (read & 255)));
        read++;
      };
      for (const now of steps) {
        if (now.do === 'write') {
          if (write(ends, sizes.length, now.bytes)) sizes.push(now.bytes);
          else assert.ok(ends.writer.usedBytes > 0, 'an empty channel takes every frame up to the limit');
        } else if (now.do === 'control') {
          if (ends.writer.tryWrite(frameKind.barrier, { number: sizes.length })) sizes.push(-1);
        } else if (now.do === 'read') {
          if (read < sizes.length) check(await ends.read());
          else assert.equal(ends.reader.tryRead(), undefined);
        } else if (now.do === 'release') {
          const count = Math.min(now.count, read - released);
          ends.reader.release(count);
          released += count;
        } else if (now.do === 'turn') await new Promise((resolve) => setImmediate(resolve));
        else {
          // What the writer has not heard of is not released: the successor gets it again.
          ends.reader = ends.newReader();
          await ends.connect();
          released = read = ends.writer.releasedFrames;
        }
        assert.ok(ends.writer.usedBytes <= capacityBytes && ends.reader.usedBytes <= capacityBytes);
      }
      while (read < sizes.length) check(await ends.read());
      ends.reader.release(read - released);
      await ends.until(0);
      assert.equal(ends.writer.releasedFrames, sizes.length);
      // A successor that had nothing to read learns where it stands from the hello, which may still be on its way.
      if (ends.reader.releasedFrames < sizes.length) await ends.hello();
      assert.equal(ends.reader.releasedFrames, sizes.length);
      ends.close();
      ends.assertNoError();
    }),
    { numRuns: 60 },
  );
});

/** A producer of raw bytes, cut into pieces. */
async function fed(bytes: Uint8Array, pieces: readonly number[] = []): Promise<{ ends: Ends; raw: Socket }> {
  const ends = new Ends();
  const [raw, consumer] = await connected();
  raw.on('error', () => undefined);
  ends.reader.attach(consumer);
  let at = 0;
  for (const piece of [...pieces, bytes.length]) {
    const part = bytes.subarray(at, at + piece);
    at += part.length;
    if (part.length > 0) await new Promise((resolve) => raw.write(part, resolve));
  }
  return { ends, raw };
}

const hello = encodeHello({ capacityBytes, releasedUnits: 0, releasedFrames: 0 });

function frame(value: number, payload: Uint8Array, kind: number = frameKind.data): Uint8Array {
  return Buffer.concat([encodeHeader({ kind, flags: 0, number: value, payload }), payload]);
}

test('bytes may come in any pieces', async () => {
  const sizes = [0, 1, 63, 64, 65, 500, 1000];
  const stream = Buffer.concat([hello, ...sizes.map((size, i) => frame(i, new Uint8Array(size).fill(i)))]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 12 }), async (pieces) => {
      const { ends, raw } = await fed(stream, pieces);
      for (const [i, size] of sizes.entries()) {
        const { number, payload } = await ends.read();
        assert.deepEqual([number, payload.length, payload.every((byte) => byte === i)], [i, size, true]);
      }
      ends.reader.close();
      raw.destroy();
    }),
    { numRuns: 25 },
  );
});

test('a producer that dies in the middle of a frame leaves the whole frames readable and is reported', async () => {
  const whole = Buffer.concat([hello, frame(1, Buffer.alloc(100)), frame(2, Buffer.alloc(100))]);
  const { ends, raw } = await fed(whole.subarray(0, whole.length - 1));
  assert.equal((await ends.read()).number, 1);
  raw.destroy();
  const error = await ends.error(ends.readerErrors);
  assert.equal(error.code, 'UNAVAILABLE');
  assert.match(error.message, /producer has gone in the middle of a frame/);
  assert.equal(ends.reader.tryRead(), undefined);
});

test('a consumer that dies is reported with what it had not released, and its successor gets that', async () => {
  const ends = new Ends();
  const [, consumer] = await ends.connect();
  for (let i = 0; i < 3; i++) write(ends, i, 64);
  assert.equal((await ends.read()).number, 0);
  ends.reader.release(1);
  await ends.until(256);
  assert.equal((await ends.read()).number, 1);
  consumer.destroy();
  const error = await ends.error(ends.writerErrors);
  assert.equal(error.code, 'UNAVAILABLE');
  assert.equal(error.details['unreleasedBytes'], 256);
  ends.reader = ends.newReader();
  await ends.connect();
  assert.equal((await ends.read()).number, 1);
  assert.equal(ends.reader.releasedFrames, 1);
  ends.close();
});

test('after a goodbye of either side its end is no failure', async () => {
  for (const side of ['writer', 'reader'] as const) {
    const ends = new Ends();
    const pair = await ends.connect();
    write(ends, 1, 100);
    await ends.read();
    const closed = Promise.all(pair.map((socket) => once(socket, 'close')));
    ends[side].close();
    await closed;
    // The other side may go on for a while without harm.
    write(ends, 2, 100);
    ends.reader.release(1);
    await new Promise((resolve) => setImmediate(resolve));
    ends.assertNoError();
  }
});

test('a producer that dies has a successor, which knows what has come and is let in when that is released', async () => {
  const ends = new Ends();
  const [producer] = await ends.connect();
  const named = (position: number): boolean => ends.writer.tryWrite(frameKind.data, { number: position, payloadBytes: 700, name: { position, frames: 1 } });
  for (let position = 1; position <= 3; position++) assert.ok(named(position));
  for (let position = 1; position <= 3; position++) assert.equal((await ends.read()).number, position);
  ends.reader.release(1);
  producer.destroy();
  await ends.error(ends.readerErrors);
  ends.writer = ends.newWriter(true);
  assert.equal(named(4), false, 'it waits for its reader');
  await ends.connect();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(named(4), false, 'what its predecessor wrote is not released');
  ends.reader.release(2);
  for (let seen = ends.producerBell.epoch; ends.writer.named === undefined; seen = ends.producerBell.epoch) await ends.producerBell.wait(seen, 5_000);
  assert.deepEqual(ends.writer.named, { position: 3, frames: 1 });
  let position = 4;
  while (named(position)) position++;
  for (let expected = 4; expected < position; expected++) assert.deepEqual([(await ends.read()).number, ends.reader.sequence], [expected, expected - 1]);
  ends.reader.release(position - 4);
  await ends.until(0);
  assert.equal(ends.writer.releasedFrames, position - 1);
  assert.deepEqual(ends.writerErrors, []);
  ends.close();
});

test('the successor of a producer that nothing had come from begins at the beginning', async () => {
  const ends = new Ends();
  const [producer] = await connected();
  producer.destroy();
  ends.writer = ends.newWriter(true);
  await ends.connect();
  for (let seen = ends.producerBell.epoch; !write(ends, 5, 10); seen = ends.producerBell.epoch) await ends.producerBell.wait(seen, 5_000);
  assert.equal((await ends.read()).number, 5);
  ends.close();
  ends.assertNoError();
});

const wrong: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['no hello', Buffer.alloc(24), /first bytes are no hello/],
  ['another capacity', encodeHello({ capacityBytes: 8192, releasedUnits: 0, releasedFrames: 0 }), /ring of 8192 bytes, the consumer one of 4096/],
  ['an unknown kind', Buffer.concat([hello, frame(1, Buffer.alloc(0), 99)]), /unknown kind 99/],
  [
    'an oversized frame',
    Buffer.concat([hello, frame(1, Buffer.alloc(largestPayload + 1)).subarray(0, headerBytes)]),
    /frame of 1985 bytes where 1984 is the most/,
  ],
  ['more than there is room for', Buffer.concat([hello, ...[1, 2, 3].map((i) => frame(i, Buffer.alloc(largestPayload)))]), /without room/],
];
for (const [what, bytes, message] of wrong) {
  test(`a producer that sends ${what} is reported as PROTOCOL`, async () => {
    const { ends } = await fed(bytes);
    const error = await ends.error(ends.readerErrors);
    assert.equal(error.code, 'PROTOCOL');
    assert.match(error.message, message);
  });
}

test('a consumer that releases what it did not get is reported as PROTOCOL', async () => {
  const ends = new Ends();
  const [producer, raw] = await connected();
  ends.writer.attach(producer);
  raw.on('error', () => undefined).resume();
  raw.write(new Uint8Array(Float64Array.of(5).buffer));
  const error = await ends.error(ends.writerErrors);
  assert.equal(error.code, 'PROTOCOL');
  assert.match(error.message, /released frame 5 of a channel that is at 0/);
});
