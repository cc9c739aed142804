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
