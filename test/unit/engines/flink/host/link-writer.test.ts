import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkWriter } from '../../../../../src/engines/flink/host/link-writer.js';
import type { Link } from '../../../../../src/engines/flink/host/link.js';
import { PassedBarriers } from '../../../../../src/engines/flink/host/passed-barriers.js';
import type { FrameHeader } from '../../../../../src/engines/flink/host/wire.js';
import { RepeatingWriter } from '../../../../../src/engines/runtime/repeating-writer.js';
import { frameKind } from '../../../../../src/memory/frame.js';

/** A node that writes two frames for each of its batches, until the link has taken `room` frames. */
function write(positions: readonly number[], named: number | undefined, room = Infinity): readonly number[] {
  const sent: number[] = [];
  const link = {
    bufferedBytes: 0,
    get hasRoom() {
      return sent.length < room;
    },
    send({ number = 0 }: FrameHeader, bytes: number, fill: (payload: Uint8Array) => void) {
      fill(new Uint8Array(bytes));
      sent.push(number);
    },
  } as unknown as Link;
  let at = 0;
  const writer = new RepeatingWriter(
    new LinkWriter({ link, barriers: new PassedBarriers(1, () => undefined), place: { edge: 1, target: 2, from: 0 }, named }),
    () => at,
  );
  for (at of positions) for (let i = 0; i < 2; i++) writer.tryWrite(frameKind.data, { payloadBytes: 16, fill: () => undefined });
  return sent;
}

test('names on the wire grow, and a successor that is told the newest one leaves out what was sent', () => {
  const whole = write([1, 4, 9], undefined);
  assert.equal(whole.length, 6);
  assert.deepEqual(
    [...whole].sort((a, b) => a - b),
    whole,
  );
  for (let died = 0; died <= 6; died++) {
    const before = write([1, 4, 9], undefined, died);
    assert.deepEqual([...before, ...write([1, 4, 9], before.at(-1) ?? 0)], whole, `died behind ${died} frames`);
  }
});
