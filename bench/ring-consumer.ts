/** The consuming thread of bench/ring.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachDoorbell, frameKind, RingReader, type RingMemory } from '../src/memory/index.js';

export interface ConsumerOptions {
  readonly memory: RingMemory;
  /** One byte in each `stride` of a payload is read. */
  readonly stride: number;
  readonly mode: 'async' | 'sync';
  /** True where payloads hold the time of sending. */
  readonly isTimed: boolean;
}

const { memory, stride, mode, isTimed } = workerData as ConsumerOptions;
const reader = new RingReader(memory);
const bell = attachDoorbell(memory.consumerBell);
const latenciesNs: number[] = [];
const clock = new Float64Array(1);
const clockBytes = new Uint8Array(clock.buffer);
let sum = 0;
parentPort?.postMessage('ready');

/** False at the end. */
function take(): boolean {
  for (let frame = reader.tryRead(); frame !== undefined; frame = reader.tryRead()) {
    if (frame.kind === frameKind.endOfInput) return false;
    if (isTimed) {
      clockBytes.set(frame.payload);
      latenciesNs.push(Number(process.hrtime.bigint() % 1_000_000_000_000n) - (clock[0] as number));
    }
    for (let at = 0; at < frame.payload.length; at += stride) sum += frame.payload[at] as number;
    reader.release(1);
  }
  return true;
}

for (;;) {
  if (!take()) break;
  const seen = bell.epoch;
  if (!take()) break;
  if (mode === 'sync') bell.waitSync(seen, 10_000);
  else await bell.wait(seen, 10_000);
}
parentPort?.postMessage({ latenciesNs, sum });
