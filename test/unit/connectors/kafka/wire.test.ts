import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { OutRecord, RecordSet } from '../../../../src/connectors/kafka/client.js';
import { positiveMurmur2 } from '../../../../src/connectors/kafka/murmur2.js';
import { PendingOutput, readPending } from '../../../../src/connectors/kafka/pending-output.js';
import { compressionNames, decompress, prepareCompression } from '../../../../src/connectors/kafka/wire/compression.js';
import { FetchedChunk } from '../../../../src/connectors/kafka/wire/fetched-chunk.js';
import { encodeBatch } from '../../../../src/connectors/kafka/wire/record-batch.js';
import { decodeBatch, readBatchHeader } from '../../../../src/connectors/kafka/wire/record-set.js';
import { WireReader } from '../../../../src/connectors/kafka/wire/wire-reader.js';
import { WireWriter } from '../../../../src/connectors/kafka/wire/wire-writer.js';
import { isMillraceError } from '../../../../src/core/errors.js';

const require = createRequire(import.meta.url);

const bytes = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null });
const outRecord: fc.Arbitrary<OutRecord> = fc.record({
  topic: fc.constant('topic'),
  partition: fc.integer({ min: 0, max: 5000 }),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ name: fc.string({ maxLength: 8, unit: 'grapheme' }), value: bytes }), { maxLength: 3 }),
  timestamp: fc.integer({ min: 0, max: 2 ** 42 }),
});
const producer = { id: 77n, epoch: 3 };

function plain(record: Pick<OutRecord, 'key' | 'value' | 'headers' | 'timestamp'>): unknown {
  const hex = (part: Uint8Array | null): string | null => (part === null ? null : Buffer.from(part).toString('hex'));
  return [record.timestamp, hex(record.key), hex(record.value), record.headers.map(({ name, value }) => [name, hex(value)])];
}

function rowsOf(records: RecordSet): unknown[] {
  return Array.from({ length: records.length }, (_, i) =>
    plain({ timestamp: records.timestamp(i), key: records.key(i), value: records.value(i), headers: records.headers(i) }),
  );
}

/** A batch as a broker stores it: at an offset. */
function stored(batch: Buffer, offset: number): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(BigInt(offset), 0);
  return copy;
}

const one = (value: string): OutRecord => ({ topic: 't', partition: 0, key: null, value: Buffer.from(value), headers: [], timestamp: 1000 });
const batchOf = (values: readonly string[], { sequence = 0, isTransactional = false, id = producer.id } = {}): Buffer =>
  encodeBatch(values.map(one), { compression: 'none', producer: { id, epoch: 0 }, sequence, isTransactional });

/** A control batch: attributes bit 5, key (version, type). */
function control(type: 0 | 1, id: bigint): Buffer {
  const key = Buffer.alloc(4);
  key.writeInt16BE(type, 2);
  const batch = encodeBatch([{ ...one('xxxxxx'), key }], { compression: 'none', producer: { id, epoch: 0 }, sequence: 0, isTransactional: true });
  batch.writeInt16BE(batch.readInt16BE(21) | 0x20, 21);
  return batch;
}

describe('Kafka on the wire', () => {
  before(prepareCompression);

  it('numbers of every kind come back', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeNat(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (signed, unsigned, big) => {
        // Of -1 it is -0, which is no number on the wire.
        const half = Math.trunc(signed / 2) + 0;
        const writer = new WireWriter(1).varint(half).uvarint(unsigned).int64(big).int64(signed).compactString('é').string(null);
        const reader = new WireReader(writer.bytes);
        assert.deepEqual(
          [reader.varint(), reader.uvarint(), reader.bigint64(), reader.int64(), reader.compactString(), reader.string(), reader.remaining],
          [half, unsigned, big, signed, 'é', null, 0],
        );
      }),
    );
  });

  it('refuses to read beyond the end', () => {
    const reader = new WireReader(Buffer.alloc(3));
    assert.throws(
      () => reader.int32(),
      (error: unknown) => isMillraceError(error) && error.code === 'FORMAT_INVALID',
    );
    assert.throws(
      () => reader.skip(-1),
      (error: unknown) => isMillraceError(error),
    );
  });

  it('batches carry the CRC-32C that kafkajs computes', () => {
    const theirs = require('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;
    fc.assert(
      fc.property(fc.array(outRecord, { minLength: 1, maxLength: 3 }), (records) => {
        const batch = encodeBatch(records, { compression: 'none', producer, sequence: 0, isTransactional: false });
        assert.equal(batch.readUInt32BE(17), theirs(batch.subarray(21)) >>> 0);
      }),
    );
  });

  it('partitions are those of kafkajs and Java', () => {
    const theirs = require('kafkajs/src/producer/partitioners/default/murmur2') as (key: Buffer) => number;
    fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), (key) => assert.equal(positiveMurmur2(key), theirs(Buffer.from(key)) & 0x7fffffff)));
    // Of Apache Kafka's own tests (UtilsTest.testMurmur2): -973932308 and -790332482.
    assert.equal(positiveMurmur2(Buffer.from('21')), -973932308 & 0x7fffffff);
    assert.equal(positiveMurmur2(Buffer.from('foobar')), -790332482 & 0x7fffffff);
  });

  for (const compression of compressionNames) {
    it(`record batches come back as they were written: ${compression}`, () => {
      fc.assert(
        fc.property(fc.array(outRecord, { minLength: 1, maxLength: 12 }), fc.nat({ max: 1e9 }), (records, offset) => {
          const memory = stored(encodeBatch(records, { compression, producer, sequence: 5, isTransactional: true }), offset);
          const header = readBatchHeader(memory, 0);
          assert.ok(header !== undefined);
          const { baseOffset, lastOffset, end, producerId, isTransactional, isControl } = header;
          assert.deepEqual(
            [baseOffset, lastOffset, end, producerId, isTransactional, isControl],
            [offset, offset + records.length - 1, memory.length, 77n, true, false],
          );
          const decoded = decodeBatch(memory, header);
          assert.deepEqual(rowsOf(decoded), records.map(plain));
          assert.equal(decoded.offset(0), offset);
          assert.equal(decodeBatch(memory, header, offset + 1).length, records.length - 1);
        }),
        { numRuns: 40 },
      );
    });
  }

  it('kafkajs reads what we write, and we read what it writes', async () => {
    const decode = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (
      decoder: unknown,
    ) => Promise<{ records: { offset: string; value: Buffer; headers: Record<string, Buffer> }[] }>;
    const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => unknown;
    const ours = encodeBatch([{ ...one('a'), headers: [{ name: 'h', value: Buffer.from('x') }] }, one('b')], {
      compression: 'gzip',
      producer,
      sequence: 0,
      isTransactional: false,
    });
    const { records } = await decode(new Decoder(stored(ours, 40)));
    assert.deepEqual(
      records.map(({ offset, value }) => [offset, value.toString()]),
      [
        ['40', 'a'],
        ['41', 'b'],
      ],
    );
    assert.equal(records[0]?.headers['h']?.toString(), 'x');

    const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as { RecordBatch: (options: unknown) => Promise<{ buffer: Buffer }> };
    const Record = require('kafkajs/src/protocol/recordBatch/record/v0') as (options: unknown) => unknown;
    const theirs = await RecordBatch({
      records: [Record({ offsetDelta: 0, timestampDelta: 0, key: 'k', value: 'v', headers: { h: 'x' } })],
      firstTimestamp: 5,
      maxTimestamp: 5,
    });
    const header = readBatchHeader(theirs.buffer, 0);
    assert.ok(header !== undefined);
    assert.deepEqual(rowsOf(decodeBatch(theirs.buffer, header)), [
      plain({ timestamp: 5, key: Buffer.from('k'), value: Buffer.from('v'), headers: [{ name: 'h', value: Buffer.from('x') }] }),
    ]);
  });

  it('unpacks the snappy framing of Java producers', () => {
    const { compressSync } = require('snappy') as typeof import('snappy');
    const blocks = ['hello ', 'world'].map((text) => compressSync(Buffer.from(text)));
    const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    const framed = Buffer.concat([header, ...blocks.flatMap((block) => [new WireWriter().int32(block.length).bytes, block])]);
    assert.equal(decompress(2, framed).toString(), 'hello world');
    assert.throws(
      () => decompress(6, framed),
      (error: unknown) => isMillraceError(error) && error.code === 'FORMAT_INVALID',
    );
    assert.throws(
      () => decompress(4, Buffer.from('no zstd')),
      (error: unknown) => isMillraceError(error) && error.code === 'FORMAT_INVALID',
    );
  });

  it('passes over aborted transactions and control batches, and over what a fetch cut off', () => {
    const parts = [
      stored(batchOf(['a', 'b']), 10),
      stored(batchOf(['lost'], { isTransactional: true, id: 1n }), 12),
      stored(batchOf(['kept'], { isTransactional: true, id: 2n }), 13),
      stored(control(0, 1n), 14),
      stored(control(1, 2n), 15),
      stored(batchOf(['later'], { isTransactional: true, id: 1n }), 16),
      stored(batchOf(['cut off']), 17),
    ];
    const memory = Buffer.concat(parts).subarray(0, -3);
    const chunk = new FetchedChunk({ topic: 't', partition: 0 }, 11, 18, memory, [{ producerId: 1n, firstOffset: 12 }]);
    const seen: unknown[] = [];
    for (let next = chunk.next(); next !== undefined; next = chunk.next()) {
      const { records, nextOffset } = next;
      seen.push([nextOffset, records === undefined ? [] : Array.from({ length: records.length }, (_, i) => String(records.value(i)))]);
    }
    assert.deepEqual(seen, [
      [12, ['b']],
      [13, []],
      [14, ['kept']],
      [15, []],
      [16, []],
      [17, ['later']],
    ]);
  });

  it('refuses message formats before 2', () => {
    const memory = stored(batchOf(['a']), 0);
    memory.writeInt8(1, 16);
    assert.throws(() => readBatchHeader(memory, 0), /message format 1; only format 2/);
  });

  it('pending output comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(outRecord, { maxLength: 10 }), (records) => {
        const pending = new PendingOutput();
        for (const record of records) pending.add(record);
        assert.equal(pending.count, records.length);
        const read = readPending(pending.bytes, 'topic');
        assert.deepEqual(read.map(plain), records.map(plain));
        assert.deepEqual(
          read.map(({ partition }) => partition),
          records.map(({ partition }) => partition),
        );
      }),
    );
  });
});
