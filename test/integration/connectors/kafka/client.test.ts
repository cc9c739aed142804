import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fetched, KafkaClient, OutRecord } from '../../../../src/connectors/kafka/client.js';
import { connectKafka, kafkaConnectionOptions } from '../../../../src/connectors/kafka/options.js';
import { isMillraceError } from '../../../../src/core/errors.js';
import { KafkaBroker } from '../../../kafka/kafka-broker.js';
import { hasKafka, kafkaTest } from '../../../kafka/kafka-test.js';

const record = (topic: string, partition: number, value: string): OutRecord => ({
  topic,
  partition,
  key: null,
  value: Buffer.from(value),
  headers: [],
  timestamp: Date.now(),
});

describe('the Kafka client on kafkajs', () => {
  let broker: KafkaBroker;
  let made = 0;
  before(async () => {
    if (hasKafka) broker = await KafkaBroker.start();
  });
  after(async () => {
    if (hasKafka) await broker.close();
  });

  const newTopic = async (partitions = 1): Promise<string> => {
    const topic = `client-${made++}`;
    await broker.createTopic(topic, partitions);
    return topic;
  };
  const withClient = async (use: (client: KafkaClient) => Promise<void>, more: object = {}): Promise<void> => {
    const connection = kafkaConnectionOptions.parse({ brokers: [broker.address], ...more });
    const client = await connectKafka({ connection, readCommitted: true, isRestored: false, log: () => undefined });
    try {
      await use(client);
    } finally {
      await client.close();
    }
  };
  const openReader = (client: KafkaClient, maxBufferedBytes: number, onReady: () => void) =>
    client.openReader({
      readCommitted: true,
      maxBufferedBytes,
      maxPartitionBytes: 64 * 1024,
      maxWaitMs: 100,
      onOffsetOutOfRange: 'fail',
      onReady,
      onFailure: (error) => assert.fail(String(error)),
    });

  kafkaTest('an idle client arms no timers beyond those of its requests', async () => {
    const topic = await newTopic();
    await withClient(async (client) => {
      await client.openWriter({ compression: 'none', maxBatchBytes: 1e5 }).write([record(topic, 0, 'x')]);
      const set = globalThis.setTimeout;
      let armed = 0;
      globalThis.setTimeout = ((...args: Parameters<typeof set>) => {
        armed++;
        return set(...args);
      }) as typeof set;
      try {
        await delay(500);
      } finally {
        globalThis.setTimeout = set;
      }
      // As shipped, kafkajs arms one each millisecond.
      assert.ok(armed <= 3, `${armed} timers in 500 ms`);
    });
  });

  kafkaTest('reads ahead as far as it may, and goes on when what it has is taken', async () => {
    const topic = await newTopic(2);
    await withClient(async (client) => {
      const value = 'v'.repeat(1000);
      const count = 1000;
      for (const partition of [0, 1]) {
        await client.openWriter({ compression: 'none', maxBatchBytes: 16 * 1024 }).write(Array.from({ length: count }, () => record(topic, partition, value)));
      }
      let ready = 0;
      const reader = openReader(client, 100_000, () => {
        ready++;
      });
      for (const partition of [0, 1]) reader.add({ topic, partition }, 0);
      for (let i = 0; i < 600 && ready === 0; i++) await delay(50);
      assert.ok(ready > 0);
      // Time to read more than it may.
      await delay(1500);
      const taken: Fetched[] = [];
      const takeAll = (): void => {
        for (let next = reader.take(); next !== undefined; next = reader.take()) taken.push(next);
      };
      // What lies ready came by at most two answers: one that filled the room, and one under way beside it.
      const first: Fetched[] = [];
      let bytes = 0;
      for (let next = reader.take(); next !== undefined && bytes < 300_000; next = reader.take()) {
        first.push(next);
        bytes += (next.records?.length ?? 0) * value.length;
      }
      taken.push(...first);
      assert.ok(bytes < 300_000, `${bytes} bytes were read ahead`);
      const total = (): number => taken.reduce((sum, { records }) => sum + (records?.length ?? 0), 0);
      for (let i = 0; i < 600 && total() < 2 * count; i++) {
        await delay(50);
        takeAll();
      }
      assert.equal(total(), 2 * count);
      await reader.close();
    });
  });

  kafkaTest('waits for a broker that does not answer, and writes and reads each record once', async () => {
    const topic = await newTopic();
    await withClient(
      async (client) => {
        const writer = client.openWriter({ compression: 'none', maxBatchBytes: 1e5 });
        await writer.write([record(topic, 0, 'before')]);
        let seen: string[] = [];
        const reader = openReader(client, 1e6, () => {
          for (let next = reader.take(); next !== undefined; next = reader.take())
            seen = [...seen, ...Array.from({ length: next.records?.length ?? 0 }, (_, i) => String(next?.records?.value(i)))];
        });
        reader.add({ topic, partition: 0 }, 0);
        broker.pause();
        const written = writer.write([record(topic, 0, 'meanwhile')]);
        // Longer than a request may take: its connection counts as lost.
        await delay(4000);
        await broker.resume();
        await written;
        await writer.write([record(topic, 0, 'after')]);
        for (let i = 0; i < 600 && seen.length < 3; i++) await delay(50);
        assert.deepEqual(seen, ['before', 'meanwhile', 'after']);
        await reader.close();
      },
      { requestTimeoutMs: 1500 },
    );
  });

  kafkaTest('gives up when the brokers are out of reach for too long, and refuses records that are too large', async () => {
    const topic = await newTopic();
    await withClient(
      async (client) => {
        const writer = client.openWriter({ compression: 'none', maxBatchBytes: 1e5 });
        await assert.rejects(
          writer.write([record(topic, 0, 'x'.repeat(2_000_000))]),
          (error: unknown) => isMillraceError(error) && error.code === 'RECORD_TOO_LARGE' && /max\.message\.bytes/.test(error.message),
        );
        await broker.kill();
        await assert.rejects(
          writer.write([record(topic, 0, 'y')]),
          (error: unknown) =>
            isMillraceError(error) && error.code === 'UNAVAILABLE' && /failing for \d+ ms, the limit is 1000 ms \(unreachableMs\)/.test(error.message),
        );
        await broker.start();
      },
      { unreachableMs: 1000 },
    );
  });

  kafkaTest('ends at once when it is closed in the middle', async () => {
    const topic = await newTopic();
    await withClient(async (client) => {
      await client.partitionCounts([topic]);
      broker.pause();
      try {
        const written = client.openWriter({ compression: 'none', maxBatchBytes: 1e5 }).write([record(topic, 0, 'x')]);
        const startedAt = Date.now();
        const failed = assert.rejects(written, isMillraceError);
        await delay(200);
        await client.close();
        await failed;
        assert.ok(Date.now() - startedAt < 5000);
      } finally {
        await broker.resume();
      }
    });
  });
});
