/**
 * What the source and the sink need of Kafka: a port, filled by kafkajs (kafkajs/) and open to another client.
 *
 * Every call waits through broker restarts and leader changes up to its deadline. Offsets are numbers: exact up to 2^53.
 */
export interface KafkaClient {
  /** Number of partitions of each topic. @throws KAFKA_TOPIC_MISSING */
  partitionCounts(topics: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** First offset of each partition at or after `at`: the ends of the log, or ms since the epoch. */
  offsetsAt(partitions: readonly TopicPartition[], at: 'earliest' | 'latest' | number): Promise<number[]>;
  openReader(options: ReaderOptions): KafkaReader;
  /** A writer for at-least-once output: retried appends are recognised by the broker, so order and number hold while it lives. */
  openWriter(options: WriterOptions): KafkaWriter;
  /** Takes over a transactional id: whatever a predecessor left open is settled when this resolves, and it is fenced. */
  openTransactions(id: string, options: TransactionOptions): Promise<KafkaTransactions>;
  /** Committed offsets of a group, transactions settled; undefined where none is. */
  committedOffsets(group: string, partitions: readonly TopicPartition[]): Promise<(CommittedOffset | undefined)[]>;
  /** Commits as a group without members. */
  commitOffsets(group: string, offsets: readonly PartitionOffset[]): Promise<void>;
  close(): Promise<void>;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface CommittedOffset {
  readonly offset: number;
  readonly metadata: string;
}

export interface PartitionOffset extends TopicPartition, CommittedOffset {}

export interface KafkaHeader {
  readonly name: string;
  readonly value: Uint8Array | null;
}

/** A record to write. */
export interface OutRecord {
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly KafkaHeader[];
  /** ms since the epoch. */
  readonly timestamp: number;
}

/** Records of one partition as they lie in memory; nothing is copied until it is asked for. */
export interface RecordSet {
  readonly length: number;
  offset(index: number): number;
  /** ms since the epoch. */
  timestamp(index: number): number;
  key(index: number): Buffer | null;
  value(index: number): Buffer | null;
  headers(index: number): KafkaHeader[];
  /** The memory that values lie in, and where: start -1 stands for a missing value. */
  readonly memory: Buffer;
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
}

/** What one read of a partition brought. */
export interface Fetched {
  readonly partition: TopicPartition;
  /** undefined where the range holds nothing to deliver (control records, aborted transactions). */
  readonly records: RecordSet | undefined;
  /** Where to go on: everything before it is in this set or an earlier one. */
  readonly nextOffset: number;
  /** End of what can be read at the time of the fetch, for lag. */
  readonly endOffset: number;
}

export interface ReaderOptions {
  readonly readCommitted: boolean;
  /** Fetching pauses while this many bytes wait to be taken. */
  readonly maxBufferedBytes: number;
  readonly maxPartitionBytes: number;
  /** The broker answers at once with what it has, or waits this long for a first byte. */
  readonly maxWaitMs: number;
  readonly onOffsetOutOfRange: 'fail' | 'earliest' | 'latest';
  /** Something can be taken. */
  readonly onReady: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** Reads partitions from given offsets on, ahead of whoever takes. */
export interface KafkaReader {
  add(partition: TopicPartition, offset: number): void;
  remove(partition: TopicPartition): void;
  /** The next records of some partition, in order within each; undefined where none have come yet. */
  take(): Fetched | undefined;
  close(): Promise<void>;
}

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export interface WriterOptions {
  readonly compression: Compression;
  /** Largest record batch asked of the broker at once. */
  readonly maxBatchBytes: number;
}

export interface KafkaWriter {
  /** Resolves when all in-sync replicas have the records. Calls must not overlap. */
  write(records: readonly OutRecord[]): Promise<void>;
}

export interface TransactionOptions extends WriterOptions {
  /** The broker aborts a transaction that is open for longer. */
  readonly transactionTimeoutMs: number;
}

export interface KafkaTransactions {
  /**
   * Writes records and commits the offset in one transaction. An attempt whose outcome a lost broker left open is decided
   * by `isCommitted`, which reads what the transaction would have committed.
   *
   * @throws JOB_FENCED where somebody else has taken over the id
   */
  commit(records: readonly OutRecord[], offsets: GroupOffsets, isCommitted: () => Promise<boolean>): Promise<void>;
}

export interface GroupOffsets {
  readonly group: string;
  readonly offsets: readonly PartitionOffset[];
}
