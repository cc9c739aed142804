/** A thread that reads a ring to its end and reports what it saw. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachDoorbell, frameKind, RingReader, type RingMemory } from '../../../src/memory/index.js';

const { memory, mode } = workerData as { memory: RingMemory; mode: 'async' | 'sync' };
const reader = new RingReader(memory);
const bell = attachDoorbell(memory.consumerBell);
let frames = 0;
let wrong = 0;
for (;;) {
  const seen = bell.epoch;
  const frame = reader.tryRead();
  if (frame === undefined) {
    if (mode === 'sync') bell.waitSync(seen, 30_000);
    else await bell.wait(seen, 30_000);
    continue;
  }
  if (frame.kind === frameKind.endOfInput) break;
  const fits = frame.number === frames && frame.payload.length === (frames * 37) % 3000 && frame.payload.every((byte) => byte === (frame.number & 255));
  if (!fits) wrong++;
  frames++;
  reader.release(1);
}
parentPort?.postMessage({ frames, wrong });
