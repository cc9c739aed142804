import type { GroupOffsets, KafkaTransactions, OutRecord, PartitionOffset, TransactionOptions } from '../client.js';
import type { ProducerIdentity } from '../wire/record-batch.js';
import { initProducerRequest } from '../wire/requests.js';
import { groupBy, offsetsByTopic, type KafkajsClient } from './kafkajs-client.js';
import { Patience } from './patience.js';
import { answers, codeOf, ProtocolError } from './protocol-error.js';
import { RecordAppender } from './record-appender.js';

/** Answers after which the present epoch commits nothing any more. */
const lost: ReadonlySet<number> = new Set([
  answers.outOfOrderSequence,
  answers.staleEpoch,
  answers.invalidTransactionState,
  answers.unknownProducerMapping,
  answers.unknownProducer,
  answers.producerFenced,
]);

/**
 * Holds a transactional id and commits by it.
 *
 * ```
 *  open: InitProducerId ── predecessor's transaction settled, predecessor fenced ──► epoch e
 *  commit: AddPartitionsToTxn ─► Produce ─► AddOffsetsToTxn ─► TxnOffsetCommit ─► EndTxn        each repeated while it fails for a
 *     │                                                                                        reason that passes
 *     └─ the epoch is lost (the broker aborted a slow transaction, or a call before ended without an answer):
 *        InitProducerId(e) ── held by somebody else: JOB_FENCED │ ours: e + 1 ─► was it committed? ─► done │ once more
 * ```
 */
export class TransactionalProducer implements KafkaTransactions {
  readonly #client: KafkajsClient;
  readonly #id: string;
  readonly #options: TransactionOptions;
  readonly #appender: RecordAppender;
  #producer: ProducerIdentity | undefined;
  /** The outcome of the last commit is not known. */
  #isInDoubt = false;

  private constructor(client: KafkajsClient, id: string, options: TransactionOptions) {
    this.#client = client;
    this.#id = id;
    this.#options = options;
    this.#appender = new RecordAppender(client, options, id);
  }

  static async open(client: KafkajsClient, id: string, options: TransactionOptions): Promise<TransactionalProducer> {
    const producer = new TransactionalProducer(client, id, options);
    await producer.#initialize();
    return producer;
  }

  async commit(records: readonly OutRecord[], offsets: GroupOffsets, isCommitted: () => Promise<boolean>): Promise<void> {
    await this.#client.know([...new Set([...records, ...offsets.offsets].map(({ topic }) => topic))]);
    for (;;) {
      if (this.#isInDoubt) {
        await this.#initialize();
        if (await isCommitted()) return;
      }
      this.#isInDoubt = true;
      try {
        await this.#transaction(records, offsets);
        this.#isInDoubt = false;
        return;
      } catch (thrown) {
        if (!isLost(thrown)) throw thrown;
      }
    }
  }

  async #transaction(records: readonly OutRecord[], { group, offsets }: GroupOffsets): Promise<void> {
    const { id, epoch } = this.#producer as ProducerIdentity;
    const transaction = { transactionalId: this.#id, producerId: String(id), producerEpoch: epoch };
    if (records.length > 0) {
      const topics = [...groupBy(records, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
        topic,
        partitions: [...new Set(ofTopic.map(({ partition }) => partition))],
      }));
      await this.#step('transaction', this.#id, (coordinator) => coordinator.addPartitionsToTxn({ ...transaction, topics }));
      await this.#appender.write(records);
    }
    await this.#step('transaction', this.#id, (coordinator) => coordinator.addOffsetsToTxn({ ...transaction, groupId: group }));
    await this.#commitOffsets(transaction, group, offsets);
    await this.#step('transaction', this.#id, (coordinator) => coordinator.endTxn({ ...transaction, transactionResult: true }));
  }

  async #commitOffsets(
    transaction: { readonly transactionalId: string; readonly producerId: string; readonly producerEpoch: number },
    group: string,
    offsets: readonly PartitionOffset[],
  ): Promise<void> {
    const topics = offsetsByTopic(offsets);
    await this.#step('group', group, (coordinator) => coordinator.txnOffsetCommit({ ...transaction, groupId: group, topics }));
  }

  /** One request to a coordinator, repeated. */
  #step<T>(kind: 'transaction' | 'group', id: string, request: (coordinator: Awaited<ReturnType<KafkajsClient['coordinator']>>) => Promise<T>): Promise<T> {
    return new Patience(`Kafka, transaction ${this.#id}`, this.#client.unreachableMs).run(
      async () => request(await this.#client.coordinator(kind, id)),
      () => this.#client.refresh().catch(() => undefined),
    );
  }

  async #initialize(): Promise<void> {
    const current = this.#producer;
    this.#producer = await new Patience(`Kafka, transactional id ${this.#id}`, this.#client.unreachableMs).run(
      async () => {
        const coordinator = await this.#client.coordinator('transaction', this.#id);
        const { errorCode, id, epoch } = await this.#client.send(coordinator, initProducerRequest(this.#id, this.#options.transactionTimeoutMs, current));
        if (errorCode !== 0) throw new ProtocolError(errorCode, `transactional id ${this.#id}`);
        return { id, epoch };
      },
      () => this.#client.refresh().catch(() => undefined),
    );
    this.#appender.become(this.#producer);
  }
}

function isLost(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const code = codeOf(error);
    if (code !== undefined) return lost.has(code);
  }
  return false;
}
