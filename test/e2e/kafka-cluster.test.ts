import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaBroker } from '../kafka/kafka-broker.js';
import { hasKafka, kafkaTest } from '../kafka/kafka-test.js';
import { withProducer } from '../kafka/produce.js';
import { missingKcat, readTopic } from '../kafka/read-topic.js';
import { Sandbox } from './millrace.js';

const noKcat = await missingKcat();
const records = 3_000;
const partitions = 4;
const replicated = { 'offsets.topic.replication.factor': '2', 'transaction.state.log.replication.factor': '2' };

describe('Kafka of several brokers', () => {
  let first: KafkaBroker;
  let second: KafkaBroker;
  let sandbox: Sandbox;
  before(async () => {
    if (!hasKafka) return;
    first = await KafkaBroker.start({ properties: replicated });
    second = await KafkaBroker.start({ properties: replicated, joins: first });
  });
  after(async () => {
    await second?.close();
    await first?.close();
  });
  beforeEach(() => {
    sandbox = new Sandbox();
  });
  afterEach(() => sandbox.close());

  const leaders = (topic: string): Promise<ReadonlySet<number>> =>
    first.admin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return new Set(topics.flatMap(({ partitions: of }) => of.map(({ leader }) => leader)));
    });

  const committed = async (): Promise<number[]> =>
    (await readTopic(first, 'to')).map(({ payload }) => (JSON.parse(payload ?? '') as { id: number }).id).sort((a, b) => a - b);

  kafkaTest(
    'a job goes on at the other broker when one is killed for good, and leaves each record exactly once',
    async () => {
      for (const topic of ['from', 'to']) {
        await first.createTopic(topic, partitions, [], 2);
        assert.deepEqual(await leaders(topic), new Set([first.nodeId, second.nodeId]), `leaders of ${topic}`);
      }
      const feed = (from: number, to: number): Promise<unknown> =>
        withProducer(first, undefined, (producer) =>
          producer.send({ topic: 'from', messages: Array.from({ length: to - from }, (_, i) => ({ value: JSON.stringify({ id: from + i }) })) }),
        );
      await feed(0, records / 2);
      // The broker that is to die is also the one that the job asks first.
      const job = sandbox.start(
        ...['run', sandbox.job('kafka-copy.ts'), '--json', '--set', `broker=${second.address},${first.address}`],
        ...['--set', 'from=from', '--set', 'to=to'],
      );
      await untilCommitted(1, () => job.stderr);
      await second.kill();
      await untilLed(first.nodeId);
      await feed(records / 2, records);
      const ids = await untilCommitted(records, () => job.stderr);
      job.kill('SIGINT');
      assert.equal((await job.ended).code, 0, job.stderr);
      assert.deepEqual(
        ids,
        Array.from({ length: records }, (_, id) => id),
      );
      assert.equal((await committed()).length, records);
    },
    noKcat,
  );

  async function untilCommitted(count: number, why: () => string): Promise<number[]> {
    const end = Date.now() + 60_000;
    for (;;) {
      const ids = await committed();
      if (ids.length >= count) return ids;
      if (Date.now() > end) throw new Error(`${ids.length} of ${count} records are committed after 60 s\n${why()}`);
      await delay(200);
    }
  }

  /**
   * The controller gives a broker up when its session is over; a producer that writes before may write twice. Until then
   * the metadata still lists the dead one, and a client that turns to it is refused.
   */
  async function untilLed(by: number): Promise<void> {
    const end = Date.now() + 30_000;
    for (;;) {
      const now = await leaders('from').catch((thrown: unknown) => thrown as Error);
      if (!(now instanceof Error) && now.size === 1 && now.has(by)) return;
      const found = now instanceof Error ? `unknown (${now.message})` : `those of ${[...now].join(', ')}`;
      if (Date.now() > end) throw new Error(`leaders of the topic are ${found} 30 s after broker ${second.nodeId} was killed`);
      await delay(100);
    }
  }
});
