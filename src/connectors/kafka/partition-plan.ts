import type { SubtaskContext } from '../../stream/subtask.js';
import type { KafkaClient, TopicPartition } from './client.js';
import type { ResolvedKafkaSource } from './kafka-source.js';
import { allPartitions, ownerOf, partitionName } from './partition-owner.js';

/** What a subtask knows of a partition of its own; all of it but `end` is state. */
export interface PartitionState extends TopicPartition {
  /** The next record to read. */
  offset: number;
  /** Where reading ends; undefined: never. */
  readonly until: number | undefined;
  /** Event time of the newest record read. */
  readonly newest: number;
  /** End of the partition as last heard, for lag. */
  end: number;
}

const boardTimeoutMs = 60_000;

/**
 * Which partitions belong to this subtask, and where each begins.
 *
 * First start: by {@link ownerOf}. After a restore: those of the state, wherever they came from; what each subtask got is
 * left on the job's board, so that a partition nobody got is known to be new, and goes to its owner. New partitions of a
 * topic begin at their first record; topics that are new to the job begin where `start` says.
 */
export class PartitionPlan {
  readonly #client: KafkaClient;
  readonly #context: SubtaskContext;
  readonly #options: ResolvedKafkaSource;
  /** Partitions that some subtask has; topics that the job knew before. */
  readonly #known = new Set<string>();
  readonly #knownTopics = new Set<string>();
  #isSettled = false;
  #new: PartitionState[] = [];

  constructor(client: KafkaClient, context: SubtaskContext, options: ResolvedKafkaSource) {
    this.#client = client;
    this.#context = context;
    this.#options = options;
  }

  /** Every partition has its subtask; false after a restore until the first discover(). */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The partitions to begin with. */
  async begin(restored: readonly PartitionState[]): Promise<readonly PartitionState[]> {
    const { topics } = this.#options;
    if (!this.#context.isRestored) {
      this.#isSettled = true;
      const all = allPartitions(await this.#client.partitionCounts(topics));
      this.#learn(all);
      return this.#startAt(all.filter((partition) => this.#isMine(partition)));
    }
    const kept = restored.filter(({ topic }) => topics.includes(topic));
    const dropped = restored.filter(({ topic }) => !topics.includes(topic));
    if (dropped.length > 0)
      this.#context.log.warn(`kafka: ${dropped.map(partitionName).join(', ')} is in the state, and no topic of the job any more; it is left out`);
    this.#context.rendezvous.publish(this.#boardKey(this.#context.index), JSON.stringify(kept.map(({ topic, partition }) => ({ topic, partition }))));
    return kept.map((state) => ({ ...state, end: state.offset }));
  }

  /** Looks for partitions that nobody has. @returns true where some of them are ours: takeNew() gives them */
  async discover(): Promise<boolean> {
    if (!this.#isSettled) await this.#readBoard();
    const counts = await this.#client.partitionCounts(this.#options.topics);
    const news = allPartitions(counts).filter((partition) => !this.#known.has(partitionName(partition)) && !this.#isBeyondEnd(partition));
    const mine = news.filter((partition) => this.#isMine(partition));
    const [ofNewTopics, ofKnown] = [mine.filter(({ topic }) => !this.#knownTopics.has(topic)), mine.filter(({ topic }) => this.#knownTopics.has(topic))];
    const states = [...(await this.#startAt(ofNewTopics)), ...(await this.#fromBeginning(ofKnown))];
    this.#learn(news);
    this.#isSettled = true;
    this.#new.push(...states);
    if (states.length > 0) this.#context.log.info(`kafka: reads ${states.map(partitionName).join(', ')} from now on`);
    return states.length > 0;
  }

  takeNew(): readonly PartitionState[] {
    const states = this.#new;
    if (states.length > 0) this.#new = [];
    return states;
  }

  async #readBoard(): Promise<void> {
    for (let index = 0; index < this.#context.parallelism; index++) {
      const entry = await this.#context.rendezvous.lookup(this.#boardKey(index), boardTimeoutMs);
      this.#learn(JSON.parse(entry) as TopicPartition[]);
    }
  }

  /** A bounded source ends with the partitions that were there when it began. */
  #isBeyondEnd({ topic }: TopicPartition): boolean {
    return this.#options.until !== undefined && this.#knownTopics.has(topic);
  }

  #boardKey(index: number): string {
    return `kafka-partitions/${this.#context.operator.uid}/${index}`;
  }

  #learn(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      this.#known.add(partitionName(partition));
      this.#knownTopics.add(partition.topic);
    }
  }

  #isMine(partition: TopicPartition): boolean {
    return ownerOf(partition, this.#context.parallelism) === this.#context.index;
  }

  async #startAt(partitions: readonly TopicPartition[]): Promise<PartitionState[]> {
    const { start } = this.#options;
    if (typeof start === 'string') return this.#states(partitions, await this.#offsets(partitions, start));
    if ('timestamp' in start) return this.#states(partitions, await this.#offsets(partitions, start.timestamp));
    const given = partitions.map(({ topic, partition }) => start.offsets[topic]?.[String(partition)]);
    const others = await this.#offsets(partitions, start.otherwise);
    return this.#states(
      partitions,
      partitions.map((_, i) => given[i] ?? (others[i] as number)),
    );
  }

  async #fromBeginning(partitions: readonly TopicPartition[]): Promise<PartitionState[]> {
    return this.#states(partitions, await this.#offsets(partitions, 'earliest'));
  }

  async #states(partitions: readonly TopicPartition[], offsets: readonly number[]): Promise<PartitionState[]> {
    const ends = await this.#offsets(partitions, 'latest');
    const isBounded = this.#options.until !== undefined;
    return partitions.map(({ topic, partition }, i) => {
      const [offset, end] = [offsets[i] as number, ends[i] as number];
      return { topic, partition, offset, until: isBounded ? end : undefined, newest: -Infinity, end };
    });
  }

  async #offsets(partitions: readonly TopicPartition[], at: 'earliest' | 'latest' | number): Promise<number[]> {
    return partitions.length === 0 ? [] : this.#client.offsetsAt(partitions, at);
  }
}
