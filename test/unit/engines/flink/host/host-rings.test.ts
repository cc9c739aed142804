import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isMillraceError } from '../../../../../src/core/errors.js';
import { HostRings } from '../../../../../src/engines/flink/host/host-rings.js';
import { LinkDoorbell } from '../../../../../src/engines/flink/host/link-doorbell.js';
import { LinkWriter } from '../../../../../src/engines/flink/host/link-writer.js';
import type { Link } from '../../../../../src/engines/flink/host/link.js';
import { PassedBarriers } from '../../../../../src/engines/flink/host/passed-barriers.js';
import { RingBroker } from '../../../../../src/engines/flink/host/ring-broker.js';
import { referenceBytes } from '../../../../../src/engines/flink/host/ring-reference.js';
import type { HostPlace, PlacedSubtask, ToThread } from '../../../../../src/engines/flink/host/thread-protocol.js';
import { referenceKind, type FrameHeader, type LinkFrame } from '../../../../../src/engines/flink/host/wire.js';
import { frameKind } from '../../../../../src/memory/frame.js';

const from: HostPlace = { vertex: 0, index: 3, attempt: 9 };
const to: HostPlace = { vertex: 1, index: 0, attempt: 9 };
const edge = 7;

/** A host without threads: the subtasks talk to it at once. */
class Host {
  readonly #broker = new RingBroker();
  #runs = 0;

  start({ place, bell }: { readonly place: HostPlace; readonly bell: LinkDoorbell }): { readonly rings: HostRings; readonly end: () => void } {
    const path = `s${++this.#runs}`;
    const rings: HostRings = new HostRings((message) => {
      if (message.type === 'placed') this.#broker.placed(path, message.placed, tell);
      if (message.type === 'reads') this.#broker.reads(message.rings);
    });
    const tell = (message: ToThread): void => {
      if (message.type !== 'run') rings.hear(message);
    };
    const outputs: PlacedSubtask['outputs'] = place.vertex === 0 ? [{ edge, vertex: 1, index: 0 }] : [];
    void rings.place({ place, bell: bell.memory, outputs });
    return { rings, end: () => this.#broker.ended(path) };
  }

  producer(): Producer {
    const bell = new LinkDoorbell();
    return new Producer(this.start({ place: from, bell }), bell);
  }

  consumer(): HostRings {
    return this.start({ place: to, bell: new LinkDoorbell() }).rings;
  }
}

/** A subtask that writes, and what it has sent to Java. */
class Producer {
  readonly sent: LinkFrame[] = [];
  readonly writer: LinkWriter;
  freed = 0;

  constructor(
    readonly run: ReturnType<Host['start']>,
    readonly bell: LinkDoorbell,
  ) {
    const link = {
      bufferedBytes: 0,
      hasRoom: true,
      send: (header: Required<FrameHeader>, bytes: number, fill: (payload: Uint8Array) => void) => {
        const payload = new Uint8Array(bytes);
        fill(payload);
        this.sent.push({ ...header, payload, release: () => this.freed++ });
      },
    } as unknown as Link;
    const { rings } = run;
    const place = { edge, target: 0, from: from.index };
    this.writer = new LinkWriter({
      ...{ link, place, barriers: new PassedBarriers(1, () => undefined) },
      ring: () => rings.to(edge, 0),
      onFull: () => bell.listen(),
    });
  }

  write(value: number, payloadBytes = 64): boolean {
    return this.writer.tryWrite(frameKind.data, { payloadBytes, fill: (payload) => payload.fill(value) });
  }

  next(): LinkFrame {
    return this.sent.shift() as LinkFrame;
  }
}

function valueOf(frame: LinkFrame): number {
  assert.equal(frame.flags, frameKind.data);
  return frame.payload[0] as number;
}

function isGone(read: () => unknown): void {
  assert.throws(read, (error) => isMillraceError(error) && error.code === 'UNAVAILABLE');
}

test('a batch goes by value until the other end is there, and by reference then', () => {
  const host = new Host();
  const a = host.producer();
  a.write(1);
  const b = host.consumer();
  a.write(2);
  const [first, second] = a.sent as [LinkFrame, LinkFrame];
  assert.deepEqual([first.flags, second.flags], [frameKind.data, referenceKind]);
  assert.equal(second.payload.length, referenceBytes);
  assert.equal(b.resolve(first), first);
  const near = b.resolve(second);
  assert.deepEqual([valueOf(near), near.payload.length, near.edge, near.from], [2, 64, edge, from.index]);
  assert.equal(a.freed, 1, "the reference's own memory");
});

test('a batch that does not fit a ring goes by value, in its turn', () => {
  const host = new Host();
  const [a, b] = [host.producer(), host.consumer()];
  a.write(1);
  a.write(2, 3 * 2 ** 20);
  a.write(3);
  assert.deepEqual(
    a.sent.map(({ flags }) => flags),
    [referenceKind, frameKind.data, referenceKind],
  );
  assert.deepEqual(
    a.sent.map((frame) => valueOf(b.resolve(frame))),
    [1, 2, 3],
  );
});

test('frames may be released in any order; the memory of one is free when all before it are', async () => {
  const host = new Host();
  const [a, b] = [host.producer(), host.consumer()];
  for (const value of [1, 2, 3]) a.write(value);
  const frames = [a.next(), a.next(), a.next()].map((frame) => b.resolve(frame));
  const used = a.writer.usedBytes;
  frames[1]?.release();
  await turn();
  assert.equal(a.writer.usedBytes, used);
  frames[0]?.release();
  await turn();
  assert.equal(a.writer.usedBytes, used / 3);
  assert.equal(valueOf(frames[2] as LinkFrame), 3);
});

test('a successor reads what its predecessor has not released, and a frame that is gone is an error', async () => {
  const host = new Host();
  const [a, b] = [host.producer(), host.consumer()];
  for (const value of [1, 2, 3]) a.write(value);
  const [one, two, three] = [a.next(), a.next(), a.next()];
  b.resolve(one).release();
  await turn();
  assert.equal(valueOf(b.resolve(two)), 2);
  const successor = host.consumer();
  assert.equal(valueOf(successor.resolve(two)), 2);
  assert.equal(valueOf(successor.resolve(three)), 3);
  isGone(() => host.consumer().resolve(one));
  const elsewhere = new Host();
  isGone(() => elsewhere.consumer().resolve(three));
});

test('references that were lost on their way are passed over', async () => {
  const host = new Host();
  const [a, b] = [host.producer(), host.consumer()];
  for (const value of [1, 2, 3]) a.write(value);
  b.resolve(a.sent[2] as LinkFrame).release();
  await turn();
  assert.equal(a.writer.usedBytes, 0);
});

test('where the writer is replaced, its ring is read to the end before that of its successor', () => {
  const host = new Host();
  const [a, b] = [host.producer(), host.consumer()];
  for (const value of [1, 2]) a.write(value);
  a.run.end();
  const a2 = host.producer();
  a2.write(3);
  const successor = host.consumer();
  for (const rings of [b, successor]) {
    assert.deepEqual(
      [...a.sent, ...a2.sent].map((frame) => valueOf(rings.resolve(frame))),
      [1, 2, 3],
    );
  }
});

test('a ring that is half full takes no more from the operators, and its reader wakes them', async () => {
  const host = new Host();
  const [a, b] = [host.producer(), host.consumer()];
  let written = 0;
  while (!a.writer.isFull) {
    a.write(written++, 2 ** 18);
    assert.ok(written < 100);
  }
  assert.ok(a.write(written, 2 ** 20), 'what was made already has room');
  let refused = 0;
  while (a.write(0, 2 ** 20)) assert.ok(refused++ < 10);
  const seen = a.bell.epoch;
  assert.equal(a.writer.isFull, true);
  const woken = a.bell.wait(seen, 60_000);
  while (a.sent.length > 0) b.resolve(a.next()).release();
  await woken;
  assert.equal(a.writer.isFull, false);
});

test('many small frames are enough, too', () => {
  const host = new Host();
  const [a, b] = [host.producer(), host.consumer()];
  let written = 0;
  while (!a.writer.isFull) assert.ok(a.write(written++) && written < 1000);
  assert.ok(a.writer.usedBytes < 100 * 128);
  for (let i = 0; i < 7; i++) b.resolve(a.next()).release();
  assert.equal(a.writer.isFull, true, 'a few are given back together');
  b.resolve(a.next()).release();
  assert.equal(a.writer.isFull, false);
});
