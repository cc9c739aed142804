import type { KafkaWriter, OutRecord, TopicPartition, WriterOptions } from '../client.js';
import { encodeBatch, recordBytes, type ProducerIdentity } from '../wire/record-batch.js';
import { initProducerRequest, produceRequest, type ProducedBatch, type ProduceResult } from '../wire/requests.js';
import { groupBy, type KafkajsClient } from './kafkajs-client.js';
import { Patience } from './patience.js';
import { answers, codeOf, ProtocolError } from './protocol-error.js';

const produceTimeoutMs = 30_000;
const maxRequestBytes = 16 * 1024 * 1024;
const maxSequence = 0x8000_0000;

/** Records of one partition that wait, in batches; the first one may have been sent. */
interface Lane {
  readonly partition: TopicPartition;
  readonly batches: OutRecord[][];
  sent: Buffer | undefined;
}

/**
 * Appends records to their partitions: per partition one batch under way, in order. Batches carry the producer's identity
 * and a sequence number, so that a broker that has one already does not append it again.
 */
export class RecordAppender implements KafkaWriter {
  readonly #client: KafkajsClient;
  readonly #options: WriterOptions;
  readonly #sequences = new Map<string, number>();
  readonly #transactionalId: string | null;
  #producer: ProducerIdentity | undefined;

  constructor(client: KafkajsClient, options: WriterOptions, transactionalId: string | null = null) {
    this.#client = client;
    this.#options = options;
    this.#transactionalId = transactionalId;
  }

  /** Writes as this producer from now on, with sequences from 0. */
  become(producer: ProducerIdentity | undefined): void {
    this.#producer = producer;
    this.#sequences.clear();
  }

  async write(records: readonly OutRecord[]): Promise<void> {
    const near = records[0];
    if (near === undefined) return;
    const patience = new Patience('Kafka, write', this.#client.unreachableMs);
    await this.#client.know([...new Set(records.map(({ topic }) => topic))]);
    this.#producer ??= await patience.run(() => this.#identify(near));
    const lanes = this.#lanes(records);
    while (lanes.size > 0) {
      try {
        await this.#round(lanes);
        patience.succeeded();
      } catch (thrown) {
        if (this.#transactionalId === null && isForgotten(thrown)) {
          // The broker has lost track of this producer; at least once allows a repetition.
          this.become(await patience.run(() => this.#identify(near)));
          for (const lane of lanes.values()) lane.sent = undefined;
          continue;
        }
        await patience.after(thrown);
        await this.#client.refresh().catch(() => undefined);
      }
    }
  }

  async #identify(near: TopicPartition): Promise<ProducerIdentity> {
    const broker = await this.#client.broker(this.#client.leaderOf(near));
    const { errorCode, id, epoch } = await this.#client.send(broker, initProducerRequest(null, 60_000));
    if (errorCode !== 0) throw new ProtocolError(errorCode, 'a producer id');
    return { id, epoch };
  }

  #lanes(records: readonly OutRecord[]): Map<string, Lane> {
    const lanes = new Map<string, Lane & { bytes: number }>();
    for (const record of records) {
      const name = `${record.topic}-${record.partition}`;
      let lane = lanes.get(name);
      if (lane === undefined) lanes.set(name, (lane = { partition: record, batches: [], sent: undefined, bytes: Infinity }));
      const bytes = recordBytes(record);
      if (lane.bytes + bytes > this.#options.maxBatchBytes) {
        lane.batches.push([]);
        lane.bytes = 0;
      }
      lane.bytes += bytes;
      (lane.batches.at(-1) as OutRecord[]).push(record);
    }
    return lanes;
  }

  /** Sends the first batch of every lane to its leader. */
  async #round(lanes: Map<string, Lane>): Promise<void> {
    const leaders = groupBy([...lanes.values()], (lane) => this.#client.leaderOf(lane.partition));
    const outcomes = await Promise.allSettled([...leaders].map(([node, group]) => this.#sendTo(node, group, lanes)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #sendTo(node: number, group: readonly Lane[], lanes: Map<string, Lane>): Promise<void> {
    const broker = await this.#client.broker(node);
    const batches: ProducedBatch[] = [];
    let bytes = 0;
    for (const lane of group) {
      const encoded = (lane.sent ??= this.#encode(lane));
      if (batches.length > 0 && bytes + encoded.length > maxRequestBytes) break;
      bytes += encoded.length;
      batches.push({ topic: lane.partition.topic, partition: lane.partition.partition, bytes: encoded });
    }
    const results = await this.#client.send(broker, produceRequest(batches, this.#transactionalId, produceTimeoutMs));
    let problem: ProtocolError | undefined;
    for (const result of results) {
      if (result.errorCode === 0 || result.errorCode === answers.duplicateSequence) this.#appended(result, lanes);
      else problem ??= new ProtocolError(result.errorCode, `write to ${result.topic}-${result.partition}`);
    }
    if (problem !== undefined) throw problem;
  }

  #encode(lane: Lane): Buffer {
    return encodeBatch(lane.batches[0] as OutRecord[], {
      compression: this.#options.compression,
      producer: this.#producer as ProducerIdentity,
      sequence: this.#sequences.get(laneName(lane.partition)) ?? 0,
      isTransactional: this.#transactionalId !== null,
    });
  }

  #appended(result: ProduceResult, lanes: Map<string, Lane>): void {
    const name = laneName(result);
    const lane = lanes.get(name);
    if (lane?.sent === undefined) return;
    lane.sent = undefined;
    const count = (lane.batches.shift() as OutRecord[]).length;
    this.#sequences.set(name, ((this.#sequences.get(name) ?? 0) + count) % maxSequence);
    if (lane.batches.length === 0) lanes.delete(name);
  }
}

function laneName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function isForgotten(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return code === answers.outOfOrderSequence || code === answers.unknownProducer || code === answers.unknownProducerMapping || code === answers.staleEpoch;
}
