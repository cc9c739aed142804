import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMillraceError } from '../../../../../src/core/errors.js';
import { LinkGate, type GateEdge, type HeldLane } from '../../../../../src/engines/flink/host/link-gate.js';
import { linkKind, type LinkFrame } from '../../../../../src/engines/flink/host/wire.js';
import { HeldInputs } from '../../../../../src/engines/runtime/held-inputs.js';
import type { Item } from '../../../../../src/engines/runtime/operator-driver.js';
import { frameKind, type FrameKind } from '../../../../../src/memory/frame.js';
import { rowBatch, type RecordBatch } from '../../../../../src/memory/index.js';

const decode = (payload: Uint8Array): RecordBatch => rowBatch([{ value: payload[0] }]);

class Feed {
  readonly log: string[] = [];
  readonly gate: LinkGate;

  constructor(edges: readonly Omit<GateEdge, 'decode'>[], held?: HeldLane) {
    this.gate = new LinkGate(
      edges.map((edge) => ({ ...edge, decode })),
      (item) => this.log.push(show(item)),
      (sent) => {
        this.log.push('ack');
        // Java has heard of it.
        sent?.();
      },
      held,
    );
    this.gate.start();
  }

  data(edge: number, from: number, value: number): this {
    return this.#push({ kind: linkKind.data, edge, from, flags: frameKind.data, payload: Uint8Array.of(value) });
  }

  mark(edge: number, from: number, kind: FrameKind, number = 0): this {
    return this.#push({ kind: linkKind.data, edge, from, flags: kind, number });
  }

  barrier(number: number): this {
    return this.#push({ kind: linkKind.barrier, number });
  }

  endInput(edge: number): this {
    return this.#push({ kind: linkKind.endInput, edge });
  }

  take(): string {
    while (this.gate.take()) this.gate.release();
    return this.log.splice(0).join(' ');
  }

  #push(frame: Partial<LinkFrame>): this {
    this.gate.push({
      ...{ kind: 0, flags: 0, edge: 0, target: 0, from: 0, rows: 0, number: 0, payload: new Uint8Array() },
      ...frame,
      release: () => this.log.push('free'),
    });
    return this;
  }
}

function show(item: Item): string {
  switch (item.kind) {
    case 'batch':
      return `${item.input}:${String(item.batch.row(0)['value'])}`;
    case 'watermark':
      return `w${item.watermark}`;
    case 'idle':
      return item.idle ? 'idle' : 'active';
    case 'barrier':
      return `B${item.cut}`;
    case 'endOfInput':
      return `end${item.input}${item.last ? '!' : ''}`;
    default:
      return item.kind;
  }
}

const two = [
  { edge: 5, input: 0, channels: 2, only: undefined },
  { edge: 7, input: 1, channels: 1, only: undefined },
];

test('frames go to the head in their order; each frame of data is acknowledged when it is released', () => {
  const feed = new Feed(two);
  assert.equal(feed.gate.channelCount, 3);
  feed.data(5, 0, 1).data(7, 0, 2).barrier(1).data(5, 1, 3);
  assert.equal(feed.gate.take(), true);
  assert.deepEqual(feed.log, ['0:1'], 'its memory is in use until it is released');
  feed.gate.release();
  assert.equal(feed.take(), '0:1 free ack 1:2 free ack B1 free 0:3 free ack');
});

test('marks are merged by the lane that they came on', () => {
  const feed = new Feed(two);
  feed.mark(5, 0, frameKind.watermark, 9).mark(5, 1, frameKind.watermark, 5).mark(7, 0, frameKind.idle, 1);
  assert.equal(feed.take().replaceAll('free ack', '').trim(), 'w5');
  feed.mark(5, 1, frameKind.idle, 1);
  assert.equal(feed.take(), 'w9 free ack');
});

test('the end comes in band, and Flink ends what has not said so', () => {
  const feed = new Feed(two);
  feed.mark(5, 0, frameKind.endOfInput).endInput(5);
  assert.equal(feed.take(), 'free ack end0 free');
  feed.mark(7, 0, frameKind.endOfInput).endInput(7);
  assert.equal(feed.take(), 'wInfinity end1! free ack free');
  assert.equal(feed.gate.allEnded, true);
});

test('a forward edge has one lane, that of the subtask of the same index', () => {
  const feed = new Feed([{ edge: 0, input: 0, channels: 1, only: 3 }]);
  feed.data(0, 3, 1);
  assert.equal(feed.take(), '0:1 free ack');
  feed.data(0, 0, 1);
  assert.throws(() => feed.take(), isProtocol(/edge 0 from subtask 0, which does not feed/));
});

test('data after the end of its lane, or of an edge that is not there, is refused', () => {
  const feed = new Feed(two);
  feed.mark(5, 0, frameKind.endOfInput).data(5, 0, 1);
  assert.throws(() => feed.take(), isProtocol(/edge 5 from subtask 0, which had ended/));
  assert.throws(() => new Feed(two).data(6, 0, 1).take(), isProtocol(/edge 6/));
});

test('what nobody takes any more can be taken out', () => {
  const feed = new Feed(two);
  feed.endInput(5).barrier(4).data(7, 0, 1);
  assert.deepEqual(
    feed.gate.takeRest().map(({ kind }) => kind),
    [linkKind.endInput, linkKind.barrier, linkKind.data],
  );
  assert.equal(feed.take(), '');
});

function isProtocol(message: RegExp): (error: unknown) => boolean {
  return (error) => isMillraceError(error) && error.code === 'PROTOCOL' && message.test(error.message);
}

function heldInputs(): HeldInputs {
  return new HeldInputs({ isExact: true, barrier: 0, epoch: 0, unacknowledged: { set: () => undefined } });
}

test('of a subtask that may be replaced Java keeps what its operator has not acknowledged, and all behind it', () => {
  const inputs = heldInputs();
  const feed = new Feed([{ edge: 0, input: 0, channels: 1, only: undefined }], { inputs, released: 0 });
  feed.data(0, 0, 10).mark(0, 0, frameKind.watermark, 5).data(0, 0, 11).barrier(3);
  assert.equal(feed.take(), '0:10 w5 0:11 B3 free');
  assert.equal(inputs.position, 3);
  inputs.acknowledge(3);
  assert.equal(feed.take(), '', 'the first batch is still under way');
  inputs.acknowledge(1);
  assert.equal(feed.take(), 'ack free ack free ack free');
});

test('a successor is given the same positions, and the end of its input stays for it', () => {
  const inputs = heldInputs();
  const feed = new Feed([{ edge: 0, input: 0, channels: 1, only: undefined }], { inputs, released: 7 });
  feed.data(0, 0, 10);
  feed.take();
  assert.equal(inputs.position, 8);
  inputs.acknowledge(8);
  feed.mark(0, 0, frameKind.endOfInput);
  assert.equal(feed.take(), 'ack free wInfinity end0!');
});
