import { MillraceError } from '../../../core/errors.js';
import type {
  CommittedOffset,
  KafkaClient,
  KafkaReader,
  KafkaTransactions,
  KafkaWriter,
  PartitionOffset,
  ReaderOptions,
  TopicPartition,
  TransactionOptions,
  WriterOptions,
} from '../client.js';
import type { ConnectOptions, ResolvedKafkaConnection } from '../options.js';
import { prepareCompression } from '../wire/compression.js';
import { offsetFetchRequest, type WireRequest } from '../wire/requests.js';
import { FetchLoops } from './fetch-loops.js';
import { closeCluster, createCluster, send, type Broker, type Cluster } from './internals.js';
import { Patience } from './patience.js';
import { answers, codeOf, ProtocolError } from './protocol-error.js';
import { RecordAppender } from './record-appender.js';
import { TransactionalProducer } from './transactional-producer.js';

const connectionTimeoutMs = 5000;
const specialTimes = { latest: -1, earliest: -2 } as const;

export type CoordinatorKind = 'group' | 'transaction';

/** The Kafka client on kafkajs's connections. */
export class KafkajsClient implements KafkaClient {
  readonly #cluster: Cluster;
  readonly #connection: ResolvedKafkaConnection;
  readonly #readCommitted: boolean;
  /** How long brokers and topics that were never seen are waited for. */
  readonly #startLimit: readonly [limitMs: number, option: string];
  readonly #topics = new Set<string>();
  #isClosed = false;

  private constructor(cluster: Cluster, connection: ResolvedKafkaConnection, readCommitted: boolean, isRestored: boolean) {
    this.#cluster = cluster;
    this.#connection = connection;
    this.#readCommitted = readCommitted;
    this.#startLimit = isRestored ? [connection.unreachableMs, 'unreachableMs'] : [connection.startTimeoutMs, 'startTimeoutMs'];
  }

  /** @throws UNAVAILABLE where no broker answers in time; KAFKA where one refuses the credentials */
  static async connect({ connection, readCommitted, isRestored, log }: ConnectOptions): Promise<KafkajsClient> {
    await prepareCompression();
    const cluster = createCluster({
      brokers: connection.brokers,
      clientId: connection.clientId,
      ssl: tlsOptions(connection.tls),
      sasl: saslOptions(connection.sasl),
      connectionTimeout: Math.min(connectionTimeoutMs, connection.requestTimeoutMs),
      requestTimeout: connection.requestTimeoutMs,
      isolationLevel: readCommitted ? 1 : 0,
      log,
    });
    const client = new KafkajsClient(cluster, connection, readCommitted, isRestored);
    try {
      await new Patience(`Kafka at ${connection.brokers.join(', ')}`, ...client.#startLimit).run(() => cluster.connect());
      return client;
    } catch (thrown) {
      await client.close();
      throw thrown;
    }
  }

  get unreachableMs(): number {
    return this.#connection.unreachableMs;
  }

  get requestTimeoutMs(): number {
    return this.#connection.requestTimeoutMs;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async partitionCounts(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    try {
      await new Patience(`topics ${topics.join(', ')}`, ...this.#startLimit).run(async () => {
        await this.know(topics);
        await this.refresh();
        for (const topic of topics) if (this.#cluster.findTopicPartitionMetadata(topic).length === 0) throw new ProtocolError(answers.unknownTopic, topic);
      });
    } catch (thrown) {
      if (codeOf((thrown as Error).cause) !== answers.unknownTopic) throw thrown;
      throw new MillraceError(
        'KAFKA',
        `no topic ${topics.map((topic) => `'${topic}'`).join(' or ')} on ${this.#connection.brokers.join(', ')}; create it first`,
        {
          cause: thrown,
          details: { topics },
        },
      );
    }
    return new Map(topics.map((topic) => [topic, this.#cluster.findTopicPartitionMetadata(topic).length]));
  }

  async offsetsAt(partitions: readonly TopicPartition[], at: 'earliest' | 'latest' | number): Promise<number[]> {
    await this.know(partitions.map(({ topic }) => topic));
    const found = await this.#retry('offsets of partitions', () => this.#listOffsets(partitions, typeof at === 'number' ? at : specialTimes[at]));
    if (!found.includes(-1)) return found;
    // No record is as young as that: the end.
    const ends = await this.#retry('ends of partitions', () => this.#listOffsets(partitions, specialTimes.latest));
    return found.map((offset, i) => (offset === -1 ? (ends[i] as number) : offset));
  }

  openReader(options: ReaderOptions): KafkaReader {
    return new FetchLoops(this, options);
  }

  openWriter(options: WriterOptions): KafkaWriter {
    return new RecordAppender(this, options);
  }

  openTransactions(id: string, options: TransactionOptions): Promise<KafkaTransactions> {
    return TransactionalProducer.open(this, id, options);
  }

  async committedOffsets(group: string, partitions: readonly TopicPartition[]): Promise<(CommittedOffset | undefined)[]> {
    await this.know(partitions.map(({ topic }) => topic));
    const found = await this.#retry(`offsets of group ${group}`, async () => {
      const coordinator = await this.coordinator('group', group);
      const offsets = await this.send(coordinator, offsetFetchRequest(group, partitions));
      for (const { errorCode } of offsets) if (errorCode !== 0) throw new ProtocolError(errorCode, `offsets of group ${group}`);
      return offsets;
    });
    return partitions.map(({ topic, partition }) => {
      const entry = found.find((other) => other.topic === topic && other.partition === partition);
      return entry === undefined || entry.offset < 0 ? undefined : { offset: entry.offset, metadata: entry.metadata };
    });
  }

  async commitOffsets(group: string, offsets: readonly PartitionOffset[]): Promise<void> {
    if (offsets.length === 0) return;
    await this.know(offsets.map(({ topic }) => topic));
    await this.#retry(`commit of group ${group}`, async () => {
      const coordinator = await this.coordinator('group', group);
      await coordinator.offsetCommit({ groupId: group, groupGenerationId: -1, memberId: '', topics: offsetsByTopic(offsets) });
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await closeCluster(this.#cluster);
  }

  /** Has the metadata of these topics fetched from now on. */
  async know(topics: readonly string[]): Promise<void> {
    const news = topics.filter((topic) => !this.#topics.has(topic));
    if (news.length === 0) return;
    await this.#retry(`topic ${[...new Set(news)].join(', ')}`, () => this.#cluster.addMultipleTargetTopics(news), this.#startLimit);
    for (const topic of news) this.#topics.add(topic);
  }

  async refresh(): Promise<void> {
    this.#checkOpen();
    await this.#cluster.refreshMetadata();
  }

  /** Number of the node that leads a partition now. @throws an error that passes, where none does */
  leaderOf({ topic, partition }: TopicPartition): number {
    this.#checkOpen();
    const found = this.#cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
    if (found === undefined) throw new ProtocolError(answers.unknownTopic, `${topic}-${partition}`);
    return found.leader;
  }

  async broker(nodeId: number): Promise<Broker> {
    this.#checkOpen();
    return this.#cluster.findBroker({ nodeId });
  }

  async coordinator(kind: CoordinatorKind, id: string): Promise<Broker> {
    this.#checkOpen();
    return this.#cluster.findGroupCoordinator({ groupId: id, coordinatorType: kind === 'group' ? 0 : 1 });
  }

  send<T>(broker: Broker, request: WireRequest<T>): Promise<T> {
    return send(broker, request, this.#connection.requestTimeoutMs);
  }

  /** Repeats what fails for a reason that passes, with new metadata. */
  async #retry<T>(what: string, attempt: () => Promise<T>, limit: readonly [number, string?] = [this.#connection.unreachableMs]): Promise<T> {
    return new Patience(`Kafka, ${what}`, ...limit).run(
      async () => {
        this.#checkOpen();
        return attempt();
      },
      () => this.refresh().catch(() => undefined),
    );
  }

  /** Nothing is repeated, and no connection opened again, after close(). */
  #checkOpen(): void {
    if (this.#isClosed) throw new MillraceError('UNAVAILABLE', 'the Kafka client is closed');
  }

  async #listOffsets(partitions: readonly TopicPartition[], timestamp: number): Promise<number[]> {
    const byNode = groupBy(partitions, (entry) => this.leaderOf(entry));
    const found = new Map<string, number>();
    for (const [node, entries] of byNode) {
      const broker = await this.broker(node);
      const topics = [...groupBy(entries, ({ topic }) => topic)].map(([topic, group]) => ({
        topic,
        partitions: group.map(({ partition }) => ({ partition, timestamp })),
      }));
      const { responses } = await broker.listOffsets({ replicaId: -1, isolationLevel: this.#readCommitted ? 1 : 0, topics });
      for (const { topic, partitions: offsets } of responses) for (const { partition, offset } of offsets) found.set(`${topic}-${partition}`, Number(offset));
    }
    return partitions.map(({ topic, partition }) => found.get(`${topic}-${partition}`) ?? -1);
  }
}

export function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const of = key(item);
    const group = groups.get(of);
    if (group === undefined) groups.set(of, [item]);
    else group.push(item);
  }
  return groups;
}

export function offsetsByTopic(
  offsets: readonly PartitionOffset[],
): { readonly topic: string; readonly partitions: { readonly partition: number; readonly offset: string; readonly metadata: string }[] }[] {
  return [...groupBy(offsets, ({ topic }) => topic)].map(([topic, entries]) => ({
    topic,
    partitions: entries.map(({ partition, offset, metadata }) => ({ partition, offset: String(offset), metadata })),
  }));
}

function tlsOptions(tls: ResolvedKafkaConnection['tls']): unknown {
  if (typeof tls === 'boolean') return tls;
  const { serverName, ...rest } = tls;
  return serverName === undefined ? rest : { ...rest, servername: serverName };
}

function saslOptions(sasl: ResolvedKafkaConnection['sasl']): unknown {
  // A copy: kafkajs writes into it, and options are frozen.
  if (sasl?.mechanism !== 'oauthbearer') return sasl === undefined ? undefined : { ...sasl };
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await sasl.token() }) };
}
