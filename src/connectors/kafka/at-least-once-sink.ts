import type { Counter, Gauge } from '../../core/metrics.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';
import type { Subtask, SubtaskContext } from '../../stream/subtask.js';
import type { KafkaClient, KafkaWriter, OutRecord } from './client.js';
import type { ResolvedKafkaSink } from './kafka-sink.js';
import type { Connect } from './options.js';
import { RecordMaker, type RecordMapping } from './record-maker.js';
import { recordBytes } from './wire/record-batch.js';

/**
 * Writes what comes, while more comes: one write is under way, the next one takes all that has gathered. A cut waits until
 * everything before it is in the topic.
 */
export class AtLeastOnceSink implements Subtask {
  readonly #connect: Connect;
  readonly #options: ResolvedKafkaSink;
  readonly #schema: Schema | undefined;
  #context!: SubtaskContext;
  #client: KafkaClient | undefined;
  #writer!: KafkaWriter;
  #maker!: RecordMaker;
  #written!: Counter;
  #waiting!: Gauge;
  #records: OutRecord[] = [];
  #bytes = 0;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(connect: Connect, options: ResolvedKafkaSink, schema: Schema | undefined) {
    this.#connect = connect;
    this.#options = options;
    this.#schema = schema;
  }

  async open(context: SubtaskContext): Promise<void> {
    const { topic, compression, maxBatchBytes } = this.#options;
    this.#context = context;
    this.#written = context.metrics.counter('kafka_records_written_total', 'Records that the brokers have acknowledged.');
    this.#waiting = context.metrics.gauge('kafka_buffered_bytes', 'Bytes of records that wait for the brokers.');
    const log = (message: string): void => context.log.debug(`kafka: ${message}`);
    this.#client = await this.#connect({ connection: this.#options, readCommitted: true, isRestored: context.isRestored, log });
    const partitions = (await this.#client.partitionCounts([topic])).get(topic) as number;
    this.#maker = new RecordMaker(this.#options as RecordMapping, this.#schema, { topic, partitions, operator: context.operator.name, index: context.index });
    this.#writer = this.#client.openWriter({ compression, maxBatchBytes });
  }

  process(batch: RecordBatch): void | Promise<void> {
    for (const record of this.#maker.make(batch, this.#context.clock.now())) {
      this.#records.push(record);
      this.#bytes += recordBytes(record);
    }
    this.#waiting.set(this.#bytes);
    this.#start();
    if (this.#bytes > this.#options.maxBufferedBytes) return this.#writing;
  }

  async prepareSnapshot(): Promise<void> {
    await this.#drain();
  }

  async endOfInput(): Promise<void> {
    await this.#drain();
  }

  async close(drained: boolean): Promise<void> {
    try {
      if (drained) await this.#drain();
    } finally {
      this.#isClosed = true;
      await this.#client?.close();
      await this.#writing?.catch(() => undefined);
    }
  }

  async #drain(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #start(): void {
    if (this.#writing !== undefined || this.#records.length === 0) return;
    const records = this.#records;
    this.#records = [];
    this.#bytes = 0;
    this.#writing = this.#writer.write(records).then(() => {
      this.#written.add(records.length);
      this.#writing = undefined;
      this.#start();
    });
    // Who waits for it gets the error from it; where nobody does, the job must not go on.
    this.#writing.catch((thrown: unknown) => {
      if (!this.#isClosed) this.#context.fail(thrown);
    });
  }
}
