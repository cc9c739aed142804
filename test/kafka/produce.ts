import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { CompressionTypes, Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import type { KafkaBroker } from './kafka-broker.js';

/** Writes with kafkajs itself: another client than the one under test. */
export async function produce(broker: KafkaBroker, topic: string, messages: Message[], compression = CompressionTypes.None): Promise<void> {
  await withProducer(broker, undefined, (producer) => producer.send({ topic, messages, compression }));
}

export async function withProducer<T>(broker: KafkaBroker, transactionalId: string | undefined, use: (producer: Producer) => Promise<T>): Promise<T> {
  const kafka = new Kafka({ clientId: 'test', brokers: [broker.address], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({
    ...(transactionalId === undefined ? {} : { transactionalId, maxInFlightRequests: 1, idempotent: true }),
    createPartitioner: () => roundRobin(),
  });
  await producer.connect();
  try {
    return await use(producer);
  } finally {
    await producer.disconnect();
  }
}

function roundRobin(): (args: { readonly message: Message; readonly partitionMetadata: readonly unknown[] }) => number {
  let next = 0;
  return ({ message, partitionMetadata }) => message.partition ?? next++ % partitionMetadata.length;
}

/** Writes `key|value` lines with librdkafka's kcat. */
export async function produceByKcat(broker: KafkaBroker, topic: string, codec: string, lines: readonly string[]): Promise<void> {
  const child = spawn('kcat', ['-b', broker.address, '-P', '-t', topic, '-z', codec, '-K', '|'], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(lines.map((line) => `${line}\n`).join(''));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`kcat ended with ${code}`);
}
