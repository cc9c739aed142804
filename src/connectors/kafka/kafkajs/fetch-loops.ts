import type { Fetched, KafkaReader, ReaderOptions, TopicPartition } from '../client.js';
import { FetchedChunk } from '../wire/fetched-chunk.js';
import { readBatchHeader } from '../wire/record-set.js';
import { fetchRequest, type FetchedPartition } from '../wire/requests.js';
import type { KafkajsClient } from './kafkajs-client.js';
import { Patience } from './patience.js';
import { answers, kafkaError, ProtocolError } from './protocol-error.js';

/** Most bytes of one answer; a broker sends at least one whole batch. */
const maxFetchBytes = 16 * 1024 * 1024;

interface ReadPosition {
  readonly partition: TopicPartition;
  /** Where the next fetch begins. */
  offset: number;
}

/**
 * Reads ahead of the taker: one loop for each broker that leads a partition, one request of it under way.
 *
 * ```
 *  broker 1 ──fetch──► chunks ─┐
 *                              ├─ queue (maxBufferedBytes: then no loop fetches) ── take() ──► record sets
 *  broker 2 ──fetch──► chunks ─┘
 * ```
 */
export class FetchLoops implements KafkaReader {
  readonly #client: KafkajsClient;
  readonly #options: ReaderOptions;
  readonly #positions = new Map<string, ReadPosition>();
  readonly #running = new Map<number, Promise<void>>();
  readonly #queue: FetchedChunk[] = [];
  #head = 0;
  #bufferedBytes = 0;
  #room: (() => void) | undefined;
  #isClosed = false;
  #starting: Promise<void> | undefined;

  constructor(client: KafkajsClient, options: ReaderOptions) {
    this.#client = client;
    this.#options = options;
  }

  add(partition: TopicPartition, offset: number): void {
    this.#positions.set(nameOf(partition), { partition, offset });
    this.#start();
  }

  remove(partition: TopicPartition): void {
    this.#positions.delete(nameOf(partition));
  }

  take(): Fetched | undefined {
    for (let chunk = this.#queue[this.#head]; chunk !== undefined; chunk = this.#queue[this.#head]) {
      const fetched = this.#positions.has(nameOf(chunk.partition)) ? chunk.next() : undefined;
      if (fetched !== undefined) return fetched;
      this.#drop(chunk);
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#positions.clear();
    this.#room?.();
    // Requests under way end when their connection is closed, which is the client's to do.
    await Promise.resolve();
  }

  #drop(chunk: FetchedChunk): void {
    this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.#bufferedBytes -= chunk.bytes;
    if (this.#bufferedBytes < this.#options.maxBufferedBytes) this.#room?.();
  }

  /** Sees to it that every leader has its loop. */
  #start(): void {
    this.#starting ??= this.#startLoops()
      .catch((thrown: unknown) => this.#fail(thrown))
      .finally(() => {
        this.#starting = undefined;
      });
  }

  async #startLoops(): Promise<void> {
    // One turn later, so that partitions added together are read together.
    await Promise.resolve();
    const leaders = await new Patience('Kafka, leaders of partitions', this.#client.unreachableMs).run(
      async () => {
        const positions = [...this.#positions.values()];
        await this.#client.know(positions.map(({ partition }) => partition.topic));
        return new Set(positions.map(({ partition }) => this.#client.leaderOf(partition)));
      },
      () => this.#client.refresh().catch(() => undefined),
    );
    for (const node of leaders) {
      if (this.#running.has(node) || this.#isClosed) continue;
      this.#running.set(
        node,
        this.#loop(node)
          .catch((thrown: unknown) => this.#fail(thrown))
          .finally(() => {
            this.#running.delete(node);
          }),
      );
    }
  }

  async #loop(node: number): Promise<void> {
    const patience = new Patience(`Kafka, fetch from broker ${node}`, this.#client.unreachableMs);
    for (let turn = 0; ; turn++) {
      await this.#untilRoom();
      const positions = this.#led(node);
      if (positions.length === 0) return;
      try {
        // Each partition is first in turn: an answer that is full leaves the last ones out.
        const first = turn % positions.length;
        const asked = [...positions.slice(first), ...positions.slice(0, first)];
        await this.#fetch(node, asked);
        patience.succeeded();
      } catch (thrown) {
        if (this.#isClosed) return;
        await patience.after(thrown);
        await this.#client.refresh().catch(() => undefined);
        // Leaders may have moved.
        this.#start();
      }
    }
  }

  #led(node: number): ReadPosition[] {
    if (this.#isClosed) return [];
    return [...this.#positions.values()].filter(({ partition }) => {
      try {
        return this.#client.leaderOf(partition) === node;
      } catch {
        return false;
      }
    });
  }

  #untilRoom(): Promise<void> | undefined {
    if (this.#bufferedBytes < this.#options.maxBufferedBytes || this.#isClosed) return undefined;
    return new Promise((resolve) => {
      const before = this.#room;
      this.#room = () => {
        this.#room = undefined;
        before?.();
        resolve();
      };
    });
  }

  async #fetch(node: number, positions: readonly ReadPosition[]): Promise<void> {
    const { readCommitted, maxWaitMs, maxPartitionBytes } = this.#options;
    const broker = await this.#client.broker(node);
    const request = positions.map(({ partition, offset }) => ({ ...partition, offset, maxBytes: maxPartitionBytes }));
    const answer = await this.#client.send(broker, fetchRequest(request, { readCommitted, maxWaitMs, maxBytes: maxFetchBytes }));
    if (this.#isClosed) return;
    let problem: unknown;
    let isReady = false;
    for (const fetched of answer) {
      const asked = positions.find(({ partition }) => partition.topic === fetched.topic && partition.partition === fetched.partition);
      if (asked === undefined || this.#positions.get(nameOf(fetched)) !== asked) continue;
      if (fetched.errorCode === answers.offsetOutOfRange) await this.#outOfRange(asked);
      else if (fetched.errorCode !== 0) problem ??= new ProtocolError(fetched.errorCode, nameOf(fetched));
      else isReady = this.#enqueue(asked, fetched) || isReady;
    }
    if (isReady) this.#options.onReady();
    if (problem !== undefined) throw problem;
  }

  #enqueue(position: ReadPosition, fetched: FetchedPartition): boolean {
    const end = this.#options.readCommitted ? fetched.lastStableOffset : fetched.highWatermark;
    const chunk = new FetchedChunk(position.partition, position.offset, end, fetched.memory, this.#options.readCommitted ? fetched.aborted : []);
    let last = -1;
    for (let header = readBatchHeader(fetched.memory, 0); header !== undefined; header = readBatchHeader(fetched.memory, header.end)) last = header.lastOffset;
    if (last < position.offset) return false;
    position.offset = last + 1;
    this.#queue.push(chunk);
    this.#bufferedBytes += chunk.bytes;
    return true;
  }

  async #outOfRange(position: ReadPosition): Promise<void> {
    const { onOffsetOutOfRange } = this.#options;
    const { partition, offset } = position;
    const [earliest, latest] = await Promise.all([this.#client.offsetsAt([partition], 'earliest'), this.#client.offsetsAt([partition], 'latest')]);
    if (onOffsetOutOfRange === 'fail') {
      throw kafkaError(
        new Error(
          `offset ${offset} is gone, the partition holds ${earliest[0]} to ${latest[0]}: records were deleted before they were read (retention.ms), or the topic was made anew; ` +
            `set onOffsetOutOfRange to 'earliest' or 'latest' to go on without them`,
        ),
        nameOf(partition),
      );
    }
    position.offset = (onOffsetOutOfRange === 'earliest' ? earliest[0] : latest[0]) as number;
  }

  #fail(thrown: unknown): void {
    if (!this.#isClosed) this.#options.onFailure(thrown);
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
