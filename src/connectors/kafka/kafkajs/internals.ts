import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { WireRequest } from '../wire/requests.js';

/**
 * The parts of kafkajs 2.2.4 that we stand on: connections, SASL, TLS, metadata, and the requests that are not on the way
 * of records. Its consumer has no assign() and its producer does not survive a lost broker, so both are ours.
 * docs/decisions/0009-kafka.md says more. The version is pinned: these are inner modules.
 */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findBroker(node: { readonly nodeId: number }): Promise<Broker>;
  findGroupCoordinator(group: { readonly groupId: string; readonly coordinatorType: number }): Promise<Broker>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  readonly brokerPool: { readonly brokers: Readonly<Record<string, Broker>>; readonly seedBroker: Broker | undefined };
}

interface TopicsOf<P> {
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly P[] }[];
}

interface OffsetEntry {
  readonly partition: number;
  readonly offset: string;
  readonly metadata?: string;
}

interface InTransaction {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

interface ConnectionPool {
  send<T>(request: ProtocolRequest<T>): Promise<T>;
  readonly pool: readonly Connection[];
}

export interface Broker {
  readonly nodeId: number;
  readonly connectionPool: ConnectionPool;
  connect(): Promise<void>;
  isConnected(): boolean;
  listOffsets(
    request: TopicsOf<{ readonly partition: number; readonly timestamp: number }> & { readonly replicaId: number; readonly isolationLevel: number },
  ): Promise<{
    readonly responses: readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[];
  }>;
  offsetCommit(request: TopicsOf<OffsetEntry> & { readonly groupId: string; readonly groupGenerationId: number; readonly memberId: string }): Promise<unknown>;
  addPartitionsToTxn(request: TopicsOf<number> & InTransaction): Promise<unknown>;
  addOffsetsToTxn(request: InTransaction & { readonly groupId: string }): Promise<unknown>;
  txnOffsetCommit(request: TopicsOf<OffsetEntry> & InTransaction & { readonly groupId: string }): Promise<unknown>;
  endTxn(request: InTransaction & { readonly transactionResult: boolean }): Promise<unknown>;
}

/** A request as kafkajs sends it. */
interface ProtocolRequest<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    /** Looks like kafkajs's Encoder, which is copied from. */
    readonly encode: () => Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
  };
  readonly response: { readonly decode: (payload: Buffer) => Promise<{ readonly value: T }>; readonly parse: (data: { readonly value: T }) => Promise<T> };
  readonly requestTimeout?: number;
  readonly logResponseError: boolean;
}

interface Connection {
  socket?: Socket;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  connecting?: Promise<unknown> | undefined;
  authHandlers: unknown;
  isConnected(): boolean;
  rejectRequests(error: Error): void;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

interface ClusterOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl: unknown;
  readonly sasl: unknown;
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly isolationLevel: number;
  readonly log: (message: string) => void;
}

const require = createRequire(import.meta.url);

type Constructor<T> = new (options: unknown) => T;

let repaired = false;

export function createCluster({ log, ...options }: ClusterOptions): Cluster {
  if (!repaired) repair();
  repaired = true;
  const ClusterClass = require('kafkajs/src/cluster') as Constructor<Cluster>;
  const { createLogger, LEVELS } = require('kafkajs/src/loggers') as {
    readonly createLogger: (options: unknown) => unknown;
    readonly LEVELS: Readonly<Record<'ERROR', number>>;
  };
  return new ClusterClass({
    ...options,
    authenticationTimeout: 10_000,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    // Waiting is ours: a short second attempt here only bridges a broker that closes idle connections.
    retry: { retries: 1, initialRetryTime: 50 },
    socketFactory: (require('kafkajs/src/network/socketFactory') as () => unknown)(),
    logger: createLogger({
      level: LEVELS.ERROR,
      logCreator: () => (entry: { readonly log: { readonly message: string; readonly broker?: string } }) => log(entry.log.message),
    }),
  });
}

/** Sends one of our own requests. */
export function send<T>(broker: Broker, { apiKey, apiVersion, apiName, encode, decode, waitMs }: WireRequest<T>, requestTimeoutMs: number): Promise<T> {
  return broker.connectionPool.send<T>({
    request: {
      apiKey,
      apiVersion,
      apiName,
      encode: () => {
        const buffer = encode();
        return Promise.resolve({ buf: buffer, buffer });
      },
    },
    response: { decode: (payload) => Promise.resolve({ value: decode(payload) }), parse: ({ value }) => Promise.resolve(value) },
    requestTimeout: (waitMs ?? 0) + requestTimeoutMs,
    logResponseError: false,
  });
}

/** Closes every connection at once; what was under way fails. */
export async function closeCluster(cluster: Cluster): Promise<void> {
  const brokers = new Set([...Object.values(cluster.brokerPool.brokers), cluster.brokerPool.seedBroker]);
  for (const broker of brokers) if (broker !== undefined) dropConnections(broker.connectionPool);
  await cluster.disconnect();
}

function dropConnections(pool: ConnectionPool): void {
  for (const connection of pool.pool) {
    connection.rejectRequests(new Error('the connection to Kafka was closed'));
    void connection.disconnect().catch(() => undefined);
    connection.socket?.destroy();
  }
}

/** Faults of kafkajs 2.2.4 that bite a long-lived client. */
function repair(): void {
  const queue = (require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueue }).prototype;
  // As shipped, an idle connection arms a timer of 1 ms for ever (tulios/kafkajs#1751).
  queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return;
    const throttledMs = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : 10,
    );
  };

  const connection = (require('kafkajs/src/network/connection') as { readonly prototype: Connection }).prototype;
  const connect = connection.connect;
  // As shipped, a connection that broke within a response reads the next one's bytes as the rest of it, events of its old
  // socket close the new one, and two callers at once open two sockets on one state.
  connection.connect = function (this: Connection) {
    if (this.isConnected()) return Promise.resolve(true);
    this.connecting ??= Promise.resolve()
      .then(() => {
        this.socket?.removeAllListeners();
        this.socket?.on('error', () => undefined);
        this.socket?.destroy();
        this.chunks = [];
        this.bytesBuffered = 0;
        this.bytesNeeded = 4;
        this.authHandlers = null;
        return connect.call(this);
      })
      .finally(() => {
        this.connecting = undefined;
      });
    return this.connecting;
  };

  // As shipped, every further disconnect of a dead socket adds a listener to it.
  const disconnect = connection.disconnect;
  connection.disconnect = function (this: Connection) {
    if (this.socket?.destroyed === true) delete this.socket;
    return disconnect.call(this);
  };

  const pool = (require('kafkajs/src/network/connectionPool') as { readonly prototype: ConnectionPool }).prototype;
  const sendOn = pool.send as (this: ConnectionPool, request: unknown) => Promise<unknown>;
  // As shipped, a connection on which a request timed out is used on, although it may be dead without knowing it (half-open).
  pool.send = async function <T>(this: ConnectionPool, request: ProtocolRequest<T>): Promise<T> {
    try {
      return (await sendOn.call(this, request)) as T;
    } catch (thrown) {
      if ((thrown as Error).name === 'KafkaJSRequestTimeoutError') dropConnections(this);
      throw thrown;
    }
  };

  const broker = (require('kafkajs/src/broker') as { readonly prototype: Broker }).prototype;
  const { connect: connectBroker, isConnected } = broker;
  const greeted = new WeakSet<Broker>();
  // As shipped, a broker that took the connection and has not said yet what it understands counts as connected, for ever
  // where it never says so: requests to it fail with "Broker not connected".
  broker.connect = async function (this: Broker) {
    await connectBroker.call(this);
    greeted.add(this);
  };
  broker.isConnected = function (this: Broker) {
    return greeted.has(this) && isConnected.call(this);
  };
}
