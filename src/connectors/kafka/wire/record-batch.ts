import crc32c from 'crc-32/crc32c.js';
import type { Compression, OutRecord } from '../client.js';
import { compress, compressionNames } from './compression.js';
import { WireWriter } from './wire-writer.js';

/** Who wrote a batch; -1 for a producer without identity. */
export interface ProducerIdentity {
  readonly id: bigint;
  readonly epoch: number;
}

export interface BatchOptions {
  readonly compression: Compression;
  readonly producer: ProducerIdentity;
  readonly sequence: number;
  readonly isTransactional: boolean;
}

/** Bytes that a record takes at most, uncompressed. */
export function recordBytes({ key, value, headers }: OutRecord): number {
  let bytes = 40 + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  for (const header of headers) bytes += 10 + header.name.length * 3 + (header.value?.byteLength ?? 0);
  return bytes;
}

/** Encodes records of one partition as a record batch; record-set.ts draws the layout. */
export function encodeBatch(records: readonly OutRecord[], { compression, producer, sequence, isTransactional }: BatchOptions): Buffer {
  const first = (records[0] as OutRecord).timestamp;
  const body = new WireWriter(records.reduce((sum, record) => sum + recordBytes(record), 0));
  const scratch = new WireWriter(256);
  let latest = first;
  records.forEach((record, i) => {
    if (record.timestamp > latest) latest = record.timestamp;
    scratch.clear();
    writeRecord(scratch, record, record.timestamp - first, i);
    body.varint(scratch.length).raw(scratch.bytes);
  });
  const packed = compress(compression, body.bytes);
  const counted = new WireWriter(64 + packed.length)
    .int16(compressionNames.indexOf(compression) | (isTransactional ? 0x10 : 0))
    .int32(records.length - 1)
    .int64(first)
    .int64(latest)
    .int64(producer.id)
    .int16(producer.epoch)
    .int32(sequence)
    .int32(records.length)
    .raw(packed);
  const afterLength = 4 + 1 + 4 + counted.length;
  return new WireWriter(12 + afterLength)
    .int64(0)
    .int32(afterLength)
    .int32(-1)
    .int8(2)
    .uint32(crc32c.buf(counted.bytes) >>> 0)
    .raw(counted.bytes).bytes;
}

function writeRecord(writer: WireWriter, { key, value, headers }: OutRecord, timestampDelta: number, offsetDelta: number): void {
  writer.int8(0).varint(timestampDelta).varint(offsetDelta);
  nullable(writer, key);
  nullable(writer, value);
  writer.varint(headers.length);
  for (const header of headers) {
    const name = Buffer.from(header.name);
    writer.varint(name.length).raw(name);
    nullable(writer, header.value);
  }
}

function nullable(writer: WireWriter, bytes: Uint8Array | null): void {
  if (bytes === null) writer.varint(-1);
  else writer.varint(bytes.byteLength).raw(bytes);
}
