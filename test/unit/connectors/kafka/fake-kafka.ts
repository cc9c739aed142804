import { MillraceError } from '../../../../src/core/errors.js';
import type {
  CommittedOffset,
  Fetched,
  GroupOffsets,
  KafkaClient,
  KafkaReader,
  KafkaTransactions,
  KafkaWriter,
  OutRecord,
  PartitionOffset,
  ReaderOptions,
  RecordSet,
  TopicPartition,
} from '../../../../src/connectors/kafka/client.js';
import type { Connect } from '../../../../src/connectors/kafka/options.js';

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`;

/** What a transaction does when it is about to end; 'lost' answers are those of a broker that dies. */
export type Outcome = 'commit' | 'lostBeforeCommit' | 'lostAfterCommit';

/** A cluster in memory: logs, groups, transactional ids with their epochs. The connector's client port, without a network. */
export class FakeKafka {
  readonly logs = new Map<string, OutRecord[]>();
  readonly counts = new Map<string, number>();
  readonly groups = new Map<string, Map<string, CommittedOffset>>();
  readonly epochs = new Map<string, number>();
  /** Decides the next transactions; default: all commit. */
  outcome: () => Outcome = () => 'commit';
  /** Transactions do not begin before it. */
  gate: Promise<void> = Promise.resolve();
  readonly #readers = new Set<ReaderOptions>();

  readonly connect: Connect = () => Promise.resolve(this.client());

  createTopic(topic: string, partitions: number): void {
    this.counts.set(topic, partitions);
  }

  append(records: readonly OutRecord[]): void {
    for (const record of records) {
      const name = nameOf(record);
      const log = this.logs.get(name);
      if (log === undefined) this.logs.set(name, [record]);
      else log.push(record);
    }
    for (const reader of this.#readers) reader.onReady();
  }

  client(): KafkaClient {
    const isOpen = { value: true };
    const check = (): void => {
      if (!isOpen.value) throw new Error('the client is closed');
    };
    return {
      partitionCounts: async (topics) => new Map(topics.map((topic) => [topic, this.counts.get(topic) ?? this.#missing(topic)])),
      offsetsAt: async (partitions, at) => partitions.map((partition) => this.#offsetAt(partition, at)),
      openReader: (options) => this.#reader(options),
      openWriter: (): KafkaWriter => ({ write: async (records) => this.append(records) }),
      openTransactions: async (id) => this.#transactions(id, check),
      committedOffsets: async (group, partitions) => partitions.map((partition) => this.groups.get(group)?.get(nameOf(partition))),
      commitOffsets: async (group, offsets) => this.#commit(group, offsets),
      close: async () => void (isOpen.value = false),
    };
  }

  #missing(topic: string): never {
    throw new MillraceError('KAFKA', `no topic '${topic}'`);
  }

  #offsetAt(partition: TopicPartition, at: 'earliest' | 'latest' | number): number {
    const log = this.logs.get(nameOf(partition)) ?? [];
    if (at === 'earliest') return 0;
    const found = at === 'latest' ? -1 : log.findIndex(({ timestamp }) => timestamp >= at);
    return found < 0 ? log.length : found;
  }

  #commit(group: string, offsets: readonly PartitionOffset[]): void {
    const entries = this.groups.get(group) ?? new Map<string, CommittedOffset>();
    for (const { offset, metadata, ...partition } of offsets) entries.set(nameOf(partition), { offset, metadata });
    this.groups.set(group, entries);
  }

  #transactions(id: string, check: () => void): KafkaTransactions {
    let epoch = (this.epochs.get(id) ?? -1) + 1;
    this.epochs.set(id, epoch);
    return {
      commit: async (records: readonly OutRecord[], { group, offsets }: GroupOffsets, isCommitted) => {
        for (;;) {
          await this.gate;
          check();
          if (this.epochs.get(id) !== epoch) throw new MillraceError('JOB_FENCED', `${id} has epoch ${this.epochs.get(id)}, this one has ${epoch}`);
          const outcome = this.outcome();
          if (outcome !== 'lostBeforeCommit') {
            this.append(records);
            this.#commit(group, offsets);
          }
          if (outcome === 'commit') return;
          this.epochs.set(id, ++epoch);
          if (await isCommitted()) return;
        }
      },
    };
  }

  #reader(options: ReaderOptions): KafkaReader {
    const positions = new Map<string, { readonly partition: TopicPartition; offset: number }>();
    this.#readers.add(options);
    return {
      add: (partition, offset) => {
        positions.set(nameOf(partition), { partition, offset });
        options.onReady();
      },
      remove: (partition) => void positions.delete(nameOf(partition)),
      take: (): Fetched | undefined => {
        for (const position of positions.values()) {
          const log = this.logs.get(nameOf(position.partition)) ?? [];
          const records = log.slice(position.offset, position.offset + 3);
          if (records.length === 0) continue;
          const from = position.offset;
          position.offset += records.length;
          return { partition: position.partition, records: recordSet(records, from), nextOffset: position.offset, endOffset: log.length };
        }
        return undefined;
      },
      close: async () => void this.#readers.delete(options),
    };
  }
}

function recordSet(records: readonly OutRecord[], from: number): RecordSet {
  const buffer = (bytes: Uint8Array | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes));
  const memory = Buffer.concat(records.map(({ value }) => value ?? Buffer.alloc(0)));
  const valueStart = new Int32Array(records.length);
  const valueEnd = new Int32Array(records.length);
  let at = 0;
  records.forEach(({ value }, i) => {
    valueStart[i] = value === null ? -1 : at;
    at += value?.byteLength ?? 0;
    valueEnd[i] = at;
  });
  const of = (i: number): OutRecord => records[i] as OutRecord;
  return {
    length: records.length,
    memory,
    valueStart,
    valueEnd,
    offset: (i) => from + i,
    timestamp: (i) => of(i).timestamp,
    key: (i) => buffer(of(i).key),
    value: (i) => buffer(of(i).value),
    headers: (i) => of(i).headers.map(({ name, value }) => ({ name, value })),
  };
}
