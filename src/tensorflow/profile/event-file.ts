import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import crc32c from 'crc-32/crc32c.js';
import { fromSystemError } from '../../core/index.js';
import type { RunProfile } from '../native/index.js';
import { Event, GraphDef } from '../saved-model/generated/tensorflow.js';

export interface EventFileContents {
  readonly graph: GraphDef;
  /** Runs of the graph that were measured: TensorBoard colours the graph by their times. */
  readonly profiles?: readonly RunProfile[];
}

/**
 * Writes `dir`/events.out.tfevents.*, which TensorBoard (`tensorboard --logdir dir`, tab Graphs) and Netron open. The folder
 * is made where there is none; files that are there stay.
 *
 * @returns the file's path
 * @throws DISK_FULL, IO_FAILED
 */
export async function writeEventFile(dir: string, { graph, profiles = [] }: EventFileContents): Promise<string> {
  const seconds = Date.now() / 1000;
  const path = join(dir, `events.out.tfevents.${Math.floor(seconds)}.${hostname()}.${randomUUID().slice(0, 8)}`);
  const events: Event['what'][] = [
    { $case: 'fileVersion', value: 'brain.Event:2' },
    { $case: 'graphDef', value: GraphDef.encode(graph).finish() },
    ...profiles.map(({ runMetadata }, i) => ({ $case: 'taggedRunMetadata' as const, value: { tag: `run ${i + 1}`, runMetadata } })),
  ];
  const records = events.map((what, i) => record(Event.encode({ wallTime: seconds, step: BigInt(Math.max(0, i - 1)), what }).finish()));
  try {
    await mkdir(dir, { recursive: true });
    await writeFile(path, Buffer.concat(records), { flag: 'wx' });
    return path;
  } catch (thrown) {
    throw fromSystemError(thrown, 'event file', path);
  }
}

/*
 * A record: [length : u64][masked crc32c of the length : u32][data][masked crc32c of the data : u32], little endian
 * (tensorflow/core/lib/io/record_writer.h).
 */
function record(data: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.byteLength));
  head.writeUInt32LE(maskedCrc(head.subarray(0, 8)), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(maskedCrc(data));
  return Buffer.concat([head, data, tail]);
}

/** Masked, so that a checksum over data that contains checksums stays a good one. */
function maskedCrc(data: Uint8Array): number {
  const crc = crc32c.buf(data) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
