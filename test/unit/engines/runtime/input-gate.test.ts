import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputGate } from '../../../../src/engines/runtime/input-gate.js';
import type { Item } from '../../../../src/engines/runtime/operator-driver.js';
import type { ChannelReader } from '../../../../src/memory/channel.js';
import { frameKind, type Frame, type FrameKind } from '../../../../src/memory/frame.js';
import { rowBatch } from '../../../../src/memory/index.js';

/** A channel filled by hand; each record is one byte. */
class Channel implements ChannelReader {
  readonly #frames: Frame[] = [];
  releasedFrames = 0;
  usedBytes = 0;

  data(value: number): this {
    return this.#add(frameKind.data, 0, 0, Uint8Array.of(value));
  }
  watermark(number: number): this {
    return this.#add(frameKind.watermark, 0, number);
  }
  idle(isIdle: boolean): this {
    return this.#add(frameKind.idle, isIdle ? 1 : 0, 0);
  }
  barrier(cut: number): this {
    return this.#add(frameKind.barrier, 0, cut);
  }
  pass(number: number): this {
    return this.#add(frameKind.endOfPass, 0, number);
  }
  end(): this {
    return this.#add(frameKind.endOfInput, 0, 0);
  }
  tryRead(): Frame | undefined {
    return this.#frames.shift();
  }
  release(count: number): void {
    this.releasedFrames += count;
  }
  #add(kind: FrameKind, flags: number, number: number, payload = new Uint8Array()): this {
    this.#frames.push({ kind, flags, number, payload });
    return this;
  }
}

function gateOf(inputs: readonly number[]): { readonly gate: InputGate; readonly channels: readonly Channel[]; take(): string } {
  const channels = inputs.map(() => new Channel());
  const seen: string[] = [];
  const gate = new InputGate(
    channels.map((reader, i) => ({ input: inputs[i] as number, reader, decode: (payload) => rowBatch([{ value: payload[0] }]) })),
    (item) => void seen.push(show(item)),
  );
  gate.start();
  return {
    gate,
    channels,
    take: () => {
      while (gate.take()) gate.release();
      return seen.splice(0).join(' ');
    },
  };
}

function show(item: Item): string {
  switch (item.kind) {
    case 'batch':
      return String(item.batch.row(0)['value']);
    case 'watermark':
      return `w${item.watermark}`;
    case 'idle':
      return item.idle ? 'idle' : 'active';
    case 'barrier':
      return `B${item.cut}`;
    case 'endOfPass':
      return `pass${item.passes}`;
    case 'endOfInput':
      return `end${item.input}${item.last ? '!' : ''}`;
    default:
      return item.kind;
  }
}

test('records of all channels come in turn', () => {
  const { channels, take } = gateOf([0, 0]);
  channels[0]?.data(1).data(2).data(3);
  channels[1]?.data(11).data(12);
  assert.equal(take(), '1 11 2 12 3');
  assert.equal(channels[0]?.releasedFrames, 3);
});

test('the watermark is the least of all channels and never falls', () => {
  const { channels, take } = gateOf([0, 1]);
  channels[0]?.watermark(5);
  assert.equal(take(), '');
  channels[1]?.watermark(3);
  assert.equal(take(), 'w3');
  channels[1]?.watermark(9).watermark(7);
  assert.equal(take(), 'w5');
});

test('an idle channel is left out of the watermark until it speaks again; where all are idle, time stands still', () => {
  const { channels, take } = gateOf([0, 0]);
  channels[0]?.watermark(5);
  channels[1]?.idle(true);
  assert.equal(take(), 'w5');
  channels[0]?.idle(true);
  assert.equal(take(), 'idle');
  channels[1]?.watermark(2);
  assert.equal(take(), 'active');
  channels[1]?.watermark(8);
  assert.equal(take(), 'w8');
  channels[0]?.data(1);
  channels[1]?.watermark(9);
  assert.equal(take(), '1', 'the channel that became active holds time at 5 again');
});

test('an ended channel does not hold time back, and at the end time is over', () => {
  const { channels, take } = gateOf([0, 0, 1]);
  channels[0]?.watermark(5).end();
  channels[1]?.watermark(7);
  channels[2]?.watermark(9);
  assert.equal(take(), 'w5 w7');
  channels[2]?.end();
  assert.equal(take(), 'end1');
  channels[1]?.end();
  assert.equal(take(), 'wInfinity end0!');
});

test('an idle channel does not let time end when the others have ended', () => {
  const { channels, take } = gateOf([0, 0]);
  channels[0]?.watermark(5).end();
  channels[1]?.watermark(4).idle(true);
  assert.equal(take(), 'w4 idle');
});

test('a barrier is passed on when it has come from every channel; channels that have it are held', () => {
  const { channels, take } = gateOf([0, 0]);
  channels[0]?.data(1).barrier(1).data(2);
  channels[1]?.data(11);
  assert.equal(take(), '1 11');
  channels[1]?.data(12).barrier(1).data(13);
  assert.equal(take(), '12 B1 2 13');
});

test('a channel that ends no longer counts for a barrier', () => {
  const { channels, take } = gateOf([0, 0, 0]);
  channels[0]?.barrier(1).data(2);
  channels[1]?.end();
  assert.equal(take(), '');
  channels[2]?.data(5).end();
  assert.equal(take(), '5 B1 2');
});

test('a barrier that waited for a channel comes before the end of that input', () => {
  const { channels, take } = gateOf([0, 1]);
  channels[0]?.barrier(1).data(2);
  channels[1]?.end();
  assert.equal(take(), 'B1 end1 2');
});

test('an aborted cut frees the channels it held, and its late barriers are ignored', () => {
  const { gate, channels, take } = gateOf([0, 0]);
  channels[0]?.barrier(1).data(2);
  assert.equal(take(), '');
  gate.abort(1);
  channels[1]?.barrier(1).data(3);
  assert.equal(take().split(' ').sort().join(' '), '2 3');
});

test('a newer barrier ends the wait for an older one', () => {
  const { channels, take } = gateOf([0, 0]);
  channels[0]?.barrier(1).barrier(2).data(1);
  channels[1]?.barrier(2).data(2);
  assert.equal(take().split(' ')[0], 'B2');
});

test('a pass is complete when all channels have completed it', () => {
  const { channels, take } = gateOf([0, 0]);
  channels[0]?.pass(1).pass(2);
  assert.equal(take(), '');
  channels[1]?.pass(1);
  assert.equal(take(), 'pass1');
  channels[1]?.end();
  assert.equal(take(), 'pass2');
});

test('a channel without a ring has ended before it began', () => {
  const seen: string[] = [];
  const gate = new InputGate([{ input: 0, reader: undefined, decode: () => rowBatch([]) }], (item) => void seen.push(show(item)));
  gate.start();
  assert.deepEqual(seen, ['wInfinity', 'end0!']);
  assert.equal(gate.take(), false);
});
