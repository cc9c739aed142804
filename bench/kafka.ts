import { Kafka, logLevel } from 'kafkajs';
import { connectKafka, kafkaConnectionOptions } from '../src/connectors/kafka/options.js';
import { KafkaBroker } from '../test/kafka/kafka-broker.js';
import { compare, type BenchResult } from './harness.js';
import { benchJob, jobRate } from './job-rate.js';

const partitions = 4;
const rounds = 5;
const warmShare = 0.2;

interface Shape {
  readonly name: string;
  readonly topic: string;
  readonly records: number;
  readonly bytes: number;
}

const shapes: readonly Shape[] = [
  { name: 'json-100-bytes', topic: 'short', records: 1_000_000, bytes: 100 },
  { name: 'json-1-kib', topic: 'long', records: 300_000, bytes: 1024 },
];

/** The Kafka source as a job on the embedded engine against a bare kafkajs consumer that parses the same records. */
export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const broker = await KafkaBroker.start();
  try {
    const results: BenchResult[] = [];
    for (const shape of shapes) {
      await fill(broker, shape);
      log(`kafka: ${shape.records} records of ${shape.bytes} bytes in ${partitions} partitions, ${rounds} rounds`);
      results.push(await compare(shape.name, 'records/s', { rounds, subject: () => sourceRate(broker, shape), baseline: () => bareRate(broker, shape) }));
    }
    return results;
  } finally {
    await broker.close();
  }
}

function valueOf(id: number, bytes: number): Buffer {
  const row = { id, at: 1_700_000_000_000 + id, origin: 'SFO', destination: 'JFK', delay: (id % 1000) / 8, distance: 100 + (id % 5000) };
  const rest = bytes - JSON.stringify(row).length;
  const note = rest < 10 ? {} : { note: 'x'.repeat(rest - ',"note":""'.length) };
  return Buffer.from(JSON.stringify({ ...row, ...note }));
}

async function fill(broker: KafkaBroker, { topic, records, bytes }: Shape): Promise<void> {
  await broker.createTopic(topic, partitions);
  const connection = kafkaConnectionOptions.parse({ brokers: [broker.address] });
  const client = await connectKafka({ connection, readCommitted: true, isRestored: false, log: () => undefined });
  const writer = client.openWriter({ compression: 'none', maxBatchBytes: 128 * 1024 });
  const step = 20_000;
  for (let from = 0; from < records; from += step) {
    await writer.write(
      Array.from({ length: Math.min(step, records - from) }, (_, i) => ({
        topic,
        partition: (from + i) % partitions,
        key: null,
        value: valueOf(from + i, bytes),
        headers: [],
        timestamp: Date.now(),
      })),
    );
  }
  await client.close();
}

async function sourceRate(broker: KafkaBroker, { topic, records }: Shape): Promise<number> {
  const params = { broker: broker.address, topic };
  return (await jobRate({ bundle: benchJob('kafka-job'), params, parallelism: 1, counter: 'millrace_records_in_total', total: records })).perSecond;
}

let groups = 0;

/** kafkajs as it comes, batch by batch; each value parsed, its columns looked at. */
async function bareRate(broker: KafkaBroker, { topic, records }: Shape): Promise<number> {
  const consumer = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).consumer({ groupId: `bare-${groups++}` });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  let seen = 0;
  let sum = 0;
  let started: { readonly at: number; readonly seen: number } | undefined;
  let ended = 0;
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachBatch: async ({ batch }) => {
          for (const { value } of batch.messages) {
            const row = JSON.parse((value as Buffer).toString()) as {
              id: number;
              at: number;
              origin: string;
              destination: string;
              delay: number;
              distance: number;
            };
            sum += row.id + row.at + row.origin.length + row.destination.length + row.delay + row.distance;
          }
          seen += batch.messages.length;
          if (started === undefined && seen >= records * warmShare) started = { at: performance.now(), seen };
          if (seen < records) return;
          ended = performance.now();
          resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  if (started === undefined || !(sum > 0)) throw new Error('the consumer saw no records');
  return ((seen - started.seen) / (ended - started.at)) * 1000;
}
