import { z } from 'zod';
import { MillraceError } from '../../core/errors.js';
import { resolveOptions } from '../../core/options.js';
import type { KafkaClient, KafkaHeader, OutRecord, PartitionOffset, TopicPartition } from './client.js';
import { isLetterHeader, letterHeaders } from './dead-letter-topic.js';
import { positiveMurmur2 } from './murmur2.js';
import { connectKafka, kafkaConnectionFields, topicName, type KafkaConnectionOptions } from './options.js';
import { allPartitions, partitionName } from './partition-owner.js';

export interface ReplayOptions extends KafkaConnectionOptions {
  /** Topic of dead letters. */
  readonly topic: string;
  /** Where they go; default: each to the topic that it came from. */
  readonly to?: string;
  /** Remembers what was replayed. Default `millrace-dead-letters-<topic>`. */
  readonly group?: string;
  /** Only letters with this code; the others are passed over for good. */
  readonly code?: string;
  /** At most so many. */
  readonly limit?: number;
}

export const replayOptions = z.strictObject({
  ...kafkaConnectionFields,
  topic: topicName,
  to: topicName.optional(),
  group: z.string().min(1).optional(),
  code: z.string().min(1).optional(),
  limit: z.number().int().positive().optional(),
});

type Resolved = z.output<typeof replayOptions>;

/** A dead letter as it lies in its topic. */
export interface StoredLetter extends TopicPartition {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Of the record itself. */
  readonly headers: readonly KafkaHeader[];
  readonly origin: string | undefined;
  readonly source: string;
  readonly at: string;
  readonly code: string;
  readonly cause: string;
}

export interface ReplaySummary {
  readonly replayed: number;
  /** Had another code. */
  readonly passedOver: number;
}

const letterTimeoutMs = 30_000;
const batchLetters = 500;
const transaction = { compression: 'none', maxBatchBytes: 512 * 1024, transactionTimeoutMs: 60_000 } as const;

/** The letters of a topic that were not replayed yet, oldest first within a partition. */
export async function listDeadLetters(options: ReplayOptions): Promise<readonly StoredLetter[]> {
  return withLetters(options, async (letters, resolved) => {
    const found: StoredLetter[] = [];
    for await (const letter of letters) {
      if (isWanted(letter, resolved)) found.push(letter);
      if (found.length === resolved.limit) break;
    }
    return found;
  });
}

/**
 * Sends dead letters back, as the records that they were. Letters and the note that they were replayed are committed in one
 * transaction: a replay that is cut short goes on where it was, and none is sent twice.
 *
 * @throws KAFKA where a letter did not come from a topic and `to` is not given
 */
export async function replayDeadLetters(options: ReplayOptions): Promise<ReplaySummary> {
  return withLetters(options, async (letters, resolved, client, group) => {
    const transactions = await client.openTransactions(`${group}-replay`, transaction);
    const counts = new Map<string, number>();
    const summary = { replayed: 0, passedOver: 0 };
    let records: OutRecord[] = [];
    let done = new Map<string, PartitionOffset>();
    const commit = async (): Promise<void> => {
      if (done.size === 0) return;
      const offsets = [...done.values()];
      const isCommitted = async (): Promise<boolean> =>
        (await client.committedOffsets(group, offsets)).every((found, i) => (found?.offset ?? 0) >= (offsets[i] as PartitionOffset).offset);
      await transactions.commit(records, { group, offsets }, isCommitted);
      summary.replayed += records.length;
      records = [];
      done = new Map();
    };
    for await (const letter of letters) {
      if (isWanted(letter, resolved)) records.push(await recordOf(letter, resolved.to, client, counts));
      else summary.passedOver++;
      done.set(partitionName(letter), { topic: letter.topic, partition: letter.partition, offset: letter.offset + 1, metadata: '' });
      if (records.length + summary.replayed === resolved.limit) break;
      if (records.length >= batchLetters) await commit();
    }
    await commit();
    return summary;
  });
}

function isWanted({ code }: StoredLetter, { code: wanted }: Resolved): boolean {
  return wanted === undefined || code === wanted;
}

async function recordOf(letter: StoredLetter, to: string | undefined, client: KafkaClient, counts: Map<string, number>): Promise<OutRecord> {
  const topic = to ?? letter.origin;
  if (topic === undefined) {
    throw new MillraceError(
      'KAFKA',
      `${partitionName(letter)}, offset ${letter.offset}: this dead letter of ${letter.source} did not come from a topic; say where to with --to`,
    );
  }
  let count = counts.get(topic);
  if (count === undefined) counts.set(topic, (count = (await client.partitionCounts([topic])).get(topic) as number));
  const { key, value, headers, timestamp } = letter;
  return { topic, partition: (key === null ? letter.offset : positiveMurmur2(key)) % count, key, value, headers, timestamp };
}

async function withLetters<T>(
  options: ReplayOptions,
  use: (letters: AsyncIterable<StoredLetter>, options: Resolved, client: KafkaClient, group: string) => Promise<T>,
): Promise<T> {
  const resolved = resolveOptions(replayOptions, options, 'dead letters');
  const client = await connectKafka({ connection: resolved, readCommitted: true, isRestored: false, log: () => undefined });
  try {
    const group = resolved.group ?? `millrace-dead-letters-${resolved.topic}`;
    return await use(readLetters(client, resolved.topic, group), resolved, client, group);
  } finally {
    await client.close();
  }
}

/** Everything between the group's offsets and the present end. */
async function* readLetters(client: KafkaClient, topic: string, group: string): AsyncGenerator<StoredLetter> {
  const partitions = allPartitions(await client.partitionCounts([topic]));
  const [first, committed, ends] = [
    await client.offsetsAt(partitions, 'earliest'),
    await client.committedOffsets(group, partitions),
    await client.offsetsAt(partitions, 'latest'),
  ];
  let wake: (() => void) | undefined;
  let failure: unknown;
  const reader = client.openReader({
    readCommitted: true,
    maxBufferedBytes: 16 * 1024 * 1024,
    maxPartitionBytes: 1024 * 1024,
    maxWaitMs: 500,
    onOffsetOutOfRange: 'earliest',
    onReady: () => wake?.(),
    onFailure: (error) => {
      failure = error;
      wake?.();
    },
  });
  const open = new Map<string, number>();
  partitions.forEach((partition, i) => {
    const from = Math.max(committed[i]?.offset ?? 0, first[i] as number);
    if (from >= (ends[i] as number)) return;
    open.set(partitionName(partition), ends[i] as number);
    reader.add(partition, from);
  });
  try {
    while (open.size > 0) {
      const fetched = reader.take();
      if (fetched === undefined) {
        await waitFor((resolve) => (wake = resolve));
        if (failure !== undefined) throw failure;
        continue;
      }
      const end = open.get(partitionName(fetched.partition)) ?? 0;
      for (let i = 0; i < (fetched.records?.length ?? 0); i++) {
        const letter = toLetter(fetched.partition, fetched.records as NonNullable<typeof fetched.records>, i);
        if (letter.offset < end) yield letter;
      }
      if (fetched.nextOffset < end) continue;
      open.delete(partitionName(fetched.partition));
      reader.remove(fetched.partition);
    }
  } finally {
    await reader.close();
  }
}

function waitFor(listen: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new MillraceError('DEADLINE_EXCEEDED', `dead letters: no records within ${letterTimeoutMs} ms`)), letterTimeoutMs);
    listen(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function toLetter(
  partition: TopicPartition,
  records: {
    offset(i: number): number;
    timestamp(i: number): number;
    key(i: number): Buffer | null;
    value(i: number): Buffer | null;
    headers(i: number): KafkaHeader[];
  },
  index: number,
): StoredLetter {
  const headers = records.headers(index);
  const text = (name: string): string | undefined => {
    const value = headers.findLast((header) => header.name === name)?.value;
    return value === undefined || value === null ? undefined : Buffer.from(value).toString('utf8');
  };
  return {
    ...partition,
    offset: records.offset(index),
    timestamp: records.timestamp(index),
    key: records.key(index),
    value: records.value(index),
    headers: headers.filter((header) => !isLetterHeader(header)),
    origin: text(letterHeaders.topic),
    source: text(letterHeaders.source) ?? '',
    at: text(letterHeaders.position) ?? '',
    code: text(letterHeaders.code) ?? '',
    cause: text(letterHeaders.cause) ?? '',
  };
}
