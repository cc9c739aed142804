import { MillraceError } from '../../../core/errors.js';
import type { KafkaHeader, RecordSet } from '../client.js';
import { decompress } from './compression.js';
import { WireReader } from './wire-reader.js';

/**
 * A record batch (message format 2) as it lies in a fetch response.
 *
 * ```
 *  0  base offset int64     │ 8  length int32        │ 12 leader epoch int32 │ 16 magic int8 = 2 │ 17 CRC-32C uint32
 *  21 attributes int16      │ 23 last offset delta int32                     │ 27 first timestamp int64
 *  35 max timestamp int64   │ 43 producer id int64   │ 51 producer epoch int16 │ 53 base sequence int32 │ 57 count int32 │ 61 records
 * ```
 * attributes: bits 0-2 codec, 3 timestamps are the broker's, 4 transactional, 5 control
 */
export interface BatchHeader {
  readonly start: number;
  /** Index after the batch. */
  readonly end: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly producerId: bigint;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
}

const headerBytes = 61;
/** Base offset and length: what the length does not count. */
const prefixBytes = 12;
const currentMagic = 2;

/** Header of the batch at `start`; undefined where the rest of the memory holds no whole batch, as the end of a fetch may. */
export function readBatchHeader(memory: Buffer, start: number): BatchHeader | undefined {
  if (start + headerBytes > memory.length) return undefined;
  const reader = new WireReader(memory, start);
  const baseOffset = reader.int64();
  const end = start + prefixBytes + reader.int32();
  if (end > memory.length) return undefined;
  const magic = memory.readInt8(start + 16);
  if (magic !== currentMagic) {
    throw new MillraceError(
      'FORMAT_INVALID',
      `Kafka: a record batch at offset ${baseOffset} is in message format ${magic}; only format 2 (brokers since 0.11) is read; rewrite the topic`,
    );
  }
  const attributes = memory.readInt16BE(start + 21);
  return {
    start,
    end,
    baseOffset,
    lastOffset: baseOffset + memory.readInt32BE(start + 23),
    producerId: memory.readBigInt64BE(start + 43),
    isTransactional: (attributes & 0x10) !== 0,
    isControl: (attributes & 0x20) !== 0,
  };
}

/** A control batch holds one record, whose key is (version int16, type int16): type 0 ends a transaction by abort. */
export function isAbortMarker(memory: Buffer, header: BatchHeader): boolean {
  const key = decodeBatch(memory, header).key(0);
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0;
}

/** The records of a batch from offset `from` on. @throws FORMAT_INVALID */
export function decodeBatch(memory: Buffer, header: BatchHeader, from = 0): WireRecords {
  const { start, end, baseOffset } = header;
  const attributes = memory.readInt16BE(start + 21);
  const count = memory.readInt32BE(start + 57);
  const firstTimestamp = new WireReader(memory, start + 27).int64();
  const appendTime = (attributes & 0x8) === 0 ? undefined : new WireReader(memory, start + 35).int64();
  const codec = attributes & 0x7;
  const bytes = codec === 0 ? memory : decompress(codec, memory.subarray(start + headerBytes, end));
  const [at, limit] = codec === 0 ? [start + headerBytes, end] : [0, bytes.length];
  return new WireRecords(bytes, at, limit, count, { baseOffset, firstTimestamp, appendTime, from });
}

interface BatchPlace {
  readonly baseOffset: number;
  readonly firstTimestamp: number;
  readonly appendTime: number | undefined;
  readonly from: number;
}

/**
 * Where each record's parts lie in the memory of its batch.
 *
 *     record: length varint │ attributes int8 │ timestamp delta varint │ offset delta varint │ key │ value │ headers
 */
class WireRecords implements RecordSet {
  readonly length: number;
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
  readonly #keyStart: Int32Array;
  readonly #keyEnd: Int32Array;
  readonly #headersAt: Int32Array;
  readonly #offsets: Float64Array;
  readonly #timestamps: Float64Array;

  constructor(
    readonly memory: Buffer,
    start: number,
    readonly limit: number,
    count: number,
    { baseOffset, firstTimestamp, appendTime, from }: BatchPlace,
  ) {
    this.valueStart = new Int32Array(count);
    this.valueEnd = new Int32Array(count);
    this.#keyStart = new Int32Array(count);
    this.#keyEnd = new Int32Array(count);
    this.#headersAt = new Int32Array(count);
    this.#offsets = new Float64Array(count);
    this.#timestamps = new Float64Array(count);
    const reader = new WireReader(memory, start, limit);
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const length = reader.varint();
      const end = reader.position + length;
      reader.skip(1);
      const timestamp = appendTime ?? firstTimestamp + reader.varint();
      if (appendTime !== undefined) reader.varint();
      const offset = baseOffset + reader.varint();
      const keyLength = reader.varint();
      this.#keyStart[kept] = keyLength < 0 ? -1 : reader.position;
      if (keyLength > 0) reader.skip(keyLength);
      this.#keyEnd[kept] = reader.position;
      const valueLength = reader.varint();
      this.valueStart[kept] = valueLength < 0 ? -1 : reader.position;
      if (valueLength > 0) reader.skip(valueLength);
      this.valueEnd[kept] = reader.position;
      this.#headersAt[kept] = reader.position;
      this.#offsets[kept] = offset;
      this.#timestamps[kept] = timestamp;
      reader.skip(end - reader.position);
      // A fetch in the middle of a batch brings all of it.
      if (offset >= from) kept++;
    }
    this.length = kept;
  }

  offset(index: number): number {
    return this.#offsets[index] as number;
  }

  timestamp(index: number): number {
    return this.#timestamps[index] as number;
  }

  key(index: number): Buffer | null {
    return this.#slice(this.#keyStart[index] as number, this.#keyEnd[index] as number);
  }

  value(index: number): Buffer | null {
    return this.#slice(this.valueStart[index] as number, this.valueEnd[index] as number);
  }

  headers(index: number): KafkaHeader[] {
    const reader = new WireReader(this.memory, this.#headersAt[index], this.limit);
    return Array.from({ length: reader.varint() }, () => {
      const name = reader.raw(reader.varint()).toString('utf8');
      const length = reader.varint();
      return { name, value: length < 0 ? null : reader.raw(length) };
    });
  }

  #slice(start: number, end: number): Buffer | null {
    return start < 0 ? null : this.memory.subarray(start, end);
  }
}
