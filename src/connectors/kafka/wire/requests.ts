import type { TopicPartition } from '../client.js';
import type { ProducerIdentity } from './record-batch.js';
import { WireReader } from './wire-reader.js';
import { WireWriter } from './wire-writer.js';

/**
 * Requests that kafkajs does not have in the version that we need, or encodes and decodes slowly. A body is what follows
 * the request header (version 1: the client id); flexible requests begin with the tags that end header version 2.
 */
export interface WireRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  encode(): Buffer;
  decode(payload: Buffer): T;
  /** The broker may take this long by itself, in ms. */
  readonly waitMs?: number;
}

/** acks: every in-sync replica has the batch. */
const allReplicas = -1;

/** Items by topic, in order of first appearance. */
function byTopic<T extends { readonly topic: string }>(items: readonly T[]): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.topic);
    if (group === undefined) groups.set(item.topic, [item]);
    else group.push(item);
  }
  return [...groups];
}

export interface FetchPosition extends TopicPartition {
  readonly offset: number;
  readonly maxBytes: number;
}

export interface FetchOptions {
  readonly readCommitted: boolean;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

export interface FetchedPartition extends TopicPartition {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly memory: Buffer;
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** Fetch, version 11, without a fetch session. */
export function fetchRequest(positions: readonly FetchPosition[], { readCommitted, maxWaitMs, maxBytes }: FetchOptions): WireRequest<FetchedPartition[]> {
  return {
    apiKey: 1,
    apiVersion: 11,
    apiName: 'Fetch',
    waitMs: maxWaitMs,
    encode() {
      const writer = new WireWriter()
        .int32(-1)
        .int32(maxWaitMs)
        .int32(1)
        .int32(maxBytes)
        .int8(readCommitted ? 1 : 0)
        .int32(0)
        .int32(-1);
      writer.array(byTopic(positions), ([topic, group]) => {
        writer.string(topic).array(group, (position) => {
          writer.int32(position.partition).int32(-1).int64(position.offset).int64(-1).int32(position.maxBytes);
        });
      });
      return writer.int32(0).string('').bytes;
    },
    decode(payload) {
      const reader = new WireReader(payload);
      reader.int32();
      const error = reader.int16();
      reader.int32();
      return reader
        .array(() => {
          const topic = reader.string() as string;
          return reader.array(() => ({ topic, ...decodeFetched(reader) }));
        })
        .flat()
        .map((partition) => (error === 0 ? partition : { ...partition, errorCode: error }));
    },
  };
}

function decodeFetched(reader: WireReader): Omit<FetchedPartition, 'topic'> {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  reader.int64();
  const aborted = reader.array(() => ({ producerId: reader.bigint64(), firstOffset: reader.int64() }));
  reader.int32();
  const length = reader.int32();
  return { partition, errorCode, highWatermark, lastStableOffset, aborted, memory: length <= 0 ? Buffer.alloc(0) : reader.raw(length) };
}

export interface ProducedBatch extends TopicPartition {
  readonly bytes: Buffer;
}

export interface ProduceResult extends TopicPartition {
  readonly errorCode: number;
}

/** Produce, version 7: acknowledged by all in-sync replicas. At most one batch of a partition. */
export function produceRequest(batches: readonly ProducedBatch[], transactionalId: string | null, timeoutMs: number): WireRequest<ProduceResult[]> {
  return {
    apiKey: 0,
    apiVersion: 7,
    apiName: 'Produce',
    waitMs: timeoutMs,
    encode() {
      const writer = new WireWriter(batches.reduce((sum, { bytes }) => sum + bytes.length + 64, 256));
      writer
        .string(transactionalId)
        .int16(allReplicas)
        .int32(timeoutMs)
        .array(byTopic(batches), ([topic, group]) => {
          writer.string(topic).array(group, ({ partition, bytes }) => {
            writer.int32(partition).bytes32(bytes);
          });
        });
      return writer.bytes;
    },
    decode(payload) {
      const reader = new WireReader(payload);
      return reader
        .array(() => {
          const topic = reader.string() as string;
          return reader.array(() => {
            const result = { topic, partition: reader.int32(), errorCode: reader.int16() };
            reader.skip(24);
            return result;
          });
        })
        .flat();
    },
  };
}

export interface InitProducerResult extends ProducerIdentity {
  readonly errorCode: number;
}

/**
 * InitProducerId, version 4: given `current`, it hands out the next epoch only to who holds the present one, so that a
 * producer that was fenced cannot take its id back (KIP-360); kafkajs knows version 1 only.
 */
export function initProducerRequest(transactionalId: string | null, timeoutMs: number, current?: ProducerIdentity): WireRequest<InitProducerResult> {
  return {
    apiKey: 22,
    apiVersion: 4,
    apiName: 'InitProducerId',
    encode: () =>
      new WireWriter()
        .noTags()
        .compactString(transactionalId)
        .int32(timeoutMs)
        .int64(current?.id ?? -1n)
        .int16(current?.epoch ?? -1)
        .noTags().bytes,
    decode(payload) {
      const reader = new WireReader(payload);
      reader.tags();
      reader.int32();
      return { errorCode: reader.int16(), id: reader.bigint64(), epoch: reader.int16() };
    },
  };
}

export interface FetchedOffset extends TopicPartition {
  readonly offset: number;
  readonly metadata: string;
  readonly errorCode: number;
}

/**
 * OffsetFetch, version 7, stable offsets only: while a transaction that commits offsets is being completed the broker
 * answers UNSTABLE_OFFSET_COMMIT instead of the offset before it (KIP-447); kafkajs knows version 4 only.
 */
export function offsetFetchRequest(group: string, partitions: readonly TopicPartition[]): WireRequest<FetchedOffset[]> {
  return {
    apiKey: 9,
    apiVersion: 7,
    apiName: 'OffsetFetch',
    encode() {
      const writer = new WireWriter().noTags().compactString(group);
      writer.compactArray(byTopic(partitions), ([topic, items]) => {
        writer
          .compactString(topic)
          .compactArray(items, ({ partition }) => {
            writer.int32(partition);
          })
          .noTags();
      });
      return writer.int8(1).noTags().bytes;
    },
    decode(payload) {
      const reader = new WireReader(payload);
      reader.tags();
      reader.int32();
      const found = reader
        .compactArray(() => {
          const topic = reader.compactString() as string;
          const offsets = reader.compactArray(() => {
            const partition = reader.int32();
            const offset = reader.int64();
            reader.int32();
            const metadata = reader.compactString() ?? '';
            const errorCode = reader.int16();
            reader.tags();
            return { topic, partition, offset, metadata, errorCode };
          });
          reader.tags();
          return offsets;
        })
        .flat();
      const error = reader.int16();
      if (error === 0) return found;
      return partitions.map((partition) => ({ ...partition, offset: -1, metadata: '', errorCode: error }));
    },
  };
}
