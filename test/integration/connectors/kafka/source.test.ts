import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { CompressionTypes, type Message } from 'kafkajs';
import type { KafkaSourceOptions } from '../../../../src/connectors/index.js';
import { isMillraceError } from '../../../../src/core/errors.js';
import { KafkaBroker } from '../../../kafka/kafka-broker.js';
import { hasKafka, kafkaTest } from '../../../kafka/kafka-test.js';
import { produce, produceByKcat, withProducer } from '../../../kafka/produce.js';
import { missingKcat } from '../../../kafka/read-topic.js';
import { sorted, startKafkaJob, upTo } from './support/start-kafka-job.js';

const noKcat = await missingKcat();
const message = (id: number): Message => ({ key: `k${id}`, value: JSON.stringify({ id, name: `n${id}` }), headers: { trace: `t${id}` } });
const messages = (from: number, to: number): Message[] => upTo(to - from).map((i) => message(from + i));

for (const version of ['3.9.1', '4.1.0'] as const)
  describe(`Kafka ${version}`, () => {
    let broker: KafkaBroker;
    let made = 0;
    before(async () => {
      if (hasKafka) broker = await KafkaBroker.start({ version });
    });
    after(async () => {
      if (hasKafka) await broker.close();
    });

    const topicWith = async (partitions: number, all: Message[] = []): Promise<string> => {
      const topic = `topic-${made++}`;
      await broker.createTopic(topic, partitions);
      if (all.length > 0) await produce(broker, topic, all);
      return topic;
    };
    const from = (topic: string, more: Partial<KafkaSourceOptions> = {}): KafkaSourceOptions => ({ brokers: [broker.address], topics: [topic], ...more });
    const onBroker = (name: string, run: () => Promise<void>): void => kafkaTest(name, run);

    onBroker('reads JSON, keys, headers and timestamps of every partition, each record once, in order within its partition', async () => {
      const topic = await topicWith(3);
      await produce(broker, topic, messages(0, 500));
      await produce(broker, topic, messages(500, 1000), CompressionTypes.GZIP);
      const job = await startKafkaJob({ source: from(topic, { until: 'latest' }), sourceParallelism: 2 });
      await job.job.finished;
      const rows = job.rows();
      assert.deepEqual(sorted(rows.map(({ id }) => id)), upTo(1000));
      for (const { id, name, key, trace, writtenAt } of rows) {
        assert.deepEqual([name, key, trace], [`n${id}`, `k${id}`, `t${id}`]);
        assert.ok(Math.abs(writtenAt.getTime() - Date.now()) < 120_000);
      }
      for (const partition of [0, 1, 2]) {
        const ids = rows.filter((row) => row.from === partition).map(({ id }) => id);
        assert.ok(ids.length > 100);
        assert.deepEqual(ids, sorted(ids));
      }
    });

    kafkaTest(
      'reads every compression of librdkafka',
      async () => {
        const topic = await topicWith(1);
        let first = 0;
        for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
          const lines = messages(first, first + 200).map(({ key, value }) => `${String(key)}|${String(value)}`);
          await produceByKcat(broker, topic, codec, lines);
          first += 200;
        }
        const job = await startKafkaJob({ source: from(topic, { until: 'latest' }) });
        await job.job.finished;
        assert.deepEqual(job.ids(), upTo(1000));
        assert.deepEqual(
          job.rows().map(({ key }) => key),
          upTo(1000).map((id) => `k${id}`),
        );
      },
      noKcat,
    );

    onBroker('starts at either end, at a time, and at given offsets', async () => {
      const topic = await topicWith(1, messages(0, 10));
      const time = Date.now() + 1;
      while (Date.now() <= time);
      await produce(broker, topic, messages(10, 20));
      const idsFrom = async (start: KafkaSourceOptions['start'] & {}): Promise<number[]> => {
        const job = await startKafkaJob({ source: from(topic, { start, until: 'latest' }) });
        await job.job.finished;
        return job.ids();
      };
      assert.deepEqual(await idsFrom('earliest'), upTo(20));
      assert.deepEqual(await idsFrom('latest'), []);
      assert.deepEqual(
        await idsFrom({ timestamp: time }),
        upTo(10).map((i) => i + 10),
      );
      assert.deepEqual(await idsFrom({ timestamp: time + 3_600_000 }), []);
      assert.deepEqual(await idsFrom({ offsets: { [topic]: { 0: 17 } } }), [17, 18, 19]);
      assert.deepEqual(await idsFrom({ offsets: {}, otherwise: 'latest' }), []);
    });

    onBroker('reads each record once across scale up and down, and commits offsets for tools', async () => {
      const topic = await topicWith(5, messages(0, 300));
      const job = await startKafkaJob({ source: from(topic, { group: `lag-${topic}` }), batchRows: 16 });
      await job.until(() => job.ids().length >= 300);
      await job.job.scale('in', 3);
      await produce(broker, topic, messages(300, 600));
      await job.until(() => job.ids().length >= 600);
      await job.job.scale('in', 2);
      await produce(broker, topic, messages(600, 900));
      await job.until(() => job.ids().length >= 900);
      await job.job.stop();
      assert.deepEqual(sorted(job.ids()), upTo(900));
      const [offsets] = await broker.admin((admin) => admin.fetchOffsets({ groupId: `lag-${topic}`, topics: [topic] }));
      assert.equal(
        offsets?.partitions.reduce((sum, { offset }) => sum + Number(offset), 0),
        900,
      );
    });

    onBroker('finds new partitions while it runs, also after a restore, and reads them from their beginning', async () => {
      const topic = await topicWith(2, messages(0, 10));
      const start = { offsets: { [topic]: { 0: 4, 1: 4 } }, otherwise: 'latest' } as const;
      const job = await startKafkaJob({ source: from(topic, { start, discoverMs: 100 }), sourceParallelism: 2 });
      // Both subtasks have begun: from here on a partition is new.
      await job.until(() => job.ids().length === 2);
      await broker.addPartitions(topic, 4);
      await produce(
        broker,
        topic,
        messages(10, 20).map((each, i) => ({ ...each, partition: 2 + (i % 2) })),
      );
      await job.until(() => job.ids().length >= 12);
      await job.job.scale('in', 3);
      await broker.addPartitions(topic, 7);
      await produce(
        broker,
        topic,
        messages(20, 40).map((each, i) => ({ ...each, partition: i % 7 })),
      );
      await job.until(() => job.ids().length >= 32);
      await job.job.stop();
      assert.deepEqual(
        sorted(job.ids()),
        upTo(32).map((i) => i + 8),
      );
    });

    onBroker('reads nothing of aborted transactions, unless asked to', async () => {
      const topic = await topicWith(1, messages(0, 5));
      await withProducer(broker, `aborts-${topic}`, async (producer) => {
        for (const [first, commit] of [
          [5, false],
          [10, true],
          [15, false],
        ] as const) {
          const transaction = await producer.transaction();
          await transaction.send({ topic, messages: messages(first, first + 5) });
          await (commit ? transaction.commit() : transaction.abort());
        }
      });
      const committed = await startKafkaJob({ source: from(topic, { until: 'latest' }) });
      await committed.job.finished;
      assert.deepEqual(committed.ids(), [...upTo(5), ...upTo(5).map((i) => i + 10)]);
      const all = await startKafkaJob({ source: from(topic, { until: 'latest', readCommitted: false }) });
      await all.job.finished;
      assert.deepEqual(all.ids(), upTo(20));
    });

    onBroker('sends what it cannot decode to the dead letters, with bytes, key, headers and position', async () => {
      const bytes = Buffer.from([0xff, 0x00, 0x7b]);
      const topic = await topicWith(1, [
        message(0),
        { key: 'bad', value: bytes, headers: { trace: 'x', other: Buffer.from([1, 2]) } },
        { key: 'k', value: '{"id":"one"}' },
        { key: 'gone', value: null },
        message(1),
      ]);
      const job = await startKafkaJob({ source: from(topic, { until: 'latest' }) });
      await job.job.finished;
      assert.deepEqual(job.ids(), [0, 1]);
      const [first, second, third] = job.letters();
      assert.equal(job.letters().length, 3);
      assert.deepEqual(Buffer.from(first?.value as Uint8Array), bytes);
      assert.equal(Buffer.from(first?.key as Uint8Array).toString(), 'bad');
      assert.deepEqual(JSON.parse(first?.headers ?? ''), [
        ['trace', Buffer.from('x').toString('base64')],
        ['other', 'AQI='],
      ]);
      assert.equal(first?.source, `kafka: ${topic}`);
      assert.equal(first.position, 'partition 0, offset 1');
      assert.match(second?.cause ?? '', /column 'id': "one" is no int32/);
      assert.match(third?.cause ?? '', /tombstone/);
      assert.equal(third?.value, null);
    });

    onBroker('goes on where it was when the broker is killed and started again', async () => {
      const topic = await topicWith(2, messages(0, 2000));
      const job = await startKafkaJob({ source: from(topic), batchRows: 32 });
      await job.until(() => job.ids().length >= 500);
      await broker.kill();
      await broker.start();
      await produce(broker, topic, messages(2000, 3000));
      await job.until(() => job.ids().length >= 3000);
      await job.job.stop();
      assert.deepEqual(sorted(job.ids()), upTo(3000));
    });

    onBroker('says which topic is missing, and where records are gone', async () => {
      const fails = async (source: KafkaSourceOptions, message: RegExp): Promise<void> => {
        const job = await startKafkaJob({ source: { startTimeoutMs: 10_000, ...source } });
        await assert.rejects(job.job.finished, (error: unknown) => {
          assert.ok(isMillraceError(error));
          assert.match(error.message, message);
          return true;
        });
      };
      await fails(from('nowhere'), /no topic 'nowhere' on 127\.0\.0\.1:\d+; create it first/);
      const topic = await topicWith(1, messages(0, 5));
      await fails(from(topic, { start: { offsets: { [topic]: { 0: 99 } } } }), /offset 99 is gone, the partition holds 0 to 5/);
      await fails({ brokers: ['127.0.0.1:1'], topics: ['any'] }, /Kafka at 127\.0\.0\.1:1: failing for \d+ ms, .*ECONNREFUSED/);
    });
  });
