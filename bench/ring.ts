/**
 * A ring between two threads.
 *
 * - records-1KiB: the producer copies each record of 1 KiB by itself into a frame of 32; the consumer reads a word of each.
 * - records-1KiB-single: the same, one frame for each record.
 * - bytes-64KiB: frames of 64 KiB, copied as batches are; the consumer reads a word of each; baseline: the same bytes by TypedArray.set, aligned,
 *   around shared memory as large as the ring, with no other thread.
 * - idle-wake: from just before a write until the consumer, asleep on its doorbell with its event loop free, has the frame;
 *   -sync: asleep in Atomics.wait.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { copyBytes } from '../src/memory/copy.js';
import { attachDoorbell, createRing, frameKind, RingWriter } from '../src/memory/index.js';
import { compare, median, seconds, type BenchResult } from './harness.js';
import type { ConsumerOptions } from './ring-consumer.js';

const capacityBytes = 4 << 20;
const rounds = 5;
const recordBytes = 1024;

export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const [name, perFrame] of [
    ['records-1KiB', 32],
    ['records-1KiB-single', 1],
  ] as const) {
    log(`${name} ...`);
    const frames = 1_500_000 / perFrame;
    const record = new Uint8Array(recordBytes).fill(7);
    const fill = (payload: Uint8Array): void => {
      for (let at = 0; at < payload.length; at += recordBytes) payload.set(record, at);
    };
    const subject = async (): Promise<number> => (frames * perFrame) / (await passFrames(frames, perFrame * recordBytes, recordBytes, fill)) / 1e6;
    results.push(await compare(name, 'M records/s', { rounds, subject }));
  }
  log('bytes-64KiB ...');
  results.push(await bytesOf64KiB());
  for (const mode of ['async', 'sync'] as const) {
    log(`idle-wake ${mode} ...`);
    results.push(...(await idleWake(mode)));
  }
  return results;
}

async function bytesOf64KiB(): Promise<BenchResult> {
  const frameBytes = 65536;
  const frames = 40_000;
  const source = new Uint8Array(frameBytes).fill(7);
  const target = new Uint8Array(new SharedArrayBuffer(capacityBytes));
  const gigabytes = (frames * frameBytes) / 1e9;
  return compare('bytes-64KiB', 'GB/s', {
    rounds,
    baseline: async () =>
      gigabytes /
      (await seconds(() => {
        for (let i = 0; i < frames; i++) target.set(source, (i * frameBytes) & (capacityBytes - 1));
      })),
    subject: async () =>
      gigabytes /
      (await passFrames(frames, frameBytes, frameBytes, (payload) => {
        copyBytes(payload, 0, source);
      })),
  });
}

/** Seconds from the first write until the consumer has read and released the last frame. */
async function passFrames(frames: number, payloadBytes: number, stride: number, fill: (payload: Uint8Array) => void): Promise<number> {
  const memory = createRing({ capacityBytes });
  const consumer = await startConsumer({ memory, stride, mode: 'sync', isTimed: false });
  const writer = new RingWriter(memory);
  const bell = attachDoorbell(memory.producerBell);
  const frame = { payloadBytes, fill };
  const elapsed = await seconds(async () => {
    for (let i = 0; i < frames;) {
      if (writer.tryWrite(frameKind.data, frame)) {
        i++;
        continue;
      }
      const seen = bell.epoch;
      if (writer.tryWrite(frameKind.data, frame)) i++;
      else bell.waitSync(seen, 10_000);
    }
    for (let seen = bell.epoch; !writer.tryWrite(frameKind.endOfInput); seen = bell.epoch) bell.waitSync(seen, 10_000);
    await once(consumer, 'message');
  });
  await consumer.terminate();
  return elapsed;
}

async function idleWake(mode: 'async' | 'sync'): Promise<BenchResult[]> {
  const memory = createRing({ capacityBytes });
  const consumer = await startConsumer({ memory, stride: 1, mode, isTimed: true });
  const writer = new RingWriter(memory);
  const clock = new Float64Array(1);
  const bytes = new Uint8Array(clock.buffer);
  const fill = (payload: Uint8Array): void => {
    clock[0] = Number(process.hrtime.bigint() % 1_000_000_000_000n);
    payload.set(bytes);
  };
  for (let i = 0; i < 500; i++) {
    writer.tryWrite(frameKind.data, { payloadBytes: 8, fill });
    await sleep(2);
  }
  writer.tryWrite(frameKind.endOfInput);
  const [message] = (await once(consumer, 'message')) as [{ latenciesNs: number[] }];
  await consumer.terminate();
  const latencies = message.latenciesNs.slice(50).toSorted((a, b) => a - b);
  const suffix = mode === 'sync' ? '-sync' : '';
  return [
    { name: `idle-wake-p50${suffix}`, value: median(latencies) / 1000, unit: 'us' },
    { name: `idle-wake-p99${suffix}`, value: (latencies[Math.floor(latencies.length * 0.99)] as number) / 1000, unit: 'us' },
  ];
}

async function startConsumer(options: ConsumerOptions): Promise<Worker> {
  const worker = new Worker(new URL('./ring-consumer.js', import.meta.url), { workerData: options });
  await once(worker, 'message');
  return worker;
}
