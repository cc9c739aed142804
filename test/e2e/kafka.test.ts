import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaBroker } from '../kafka/kafka-broker.js';
import { hasKafka, kafkaTest } from '../kafka/kafka-test.js';
import { withProducer } from '../kafka/produce.js';
import { missingKcat, readTopic } from '../kafka/read-topic.js';
import { Sandbox, type Command } from './millrace.js';

const noKcat = await missingKcat();
const records = 4000;
const perSecond = 400;

describe('Kafka to Kafka with checkpoints', () => {
  let broker: KafkaBroker;
  let sandbox: Sandbox;
  let made = 0;
  before(async () => {
    if (hasKafka) broker = await KafkaBroker.start();
  });
  after(async () => {
    if (hasKafka) await broker.close();
  });
  beforeEach(() => {
    sandbox = new Sandbox();
  });
  afterEach(() => sandbox.close());

  const topics = async (): Promise<{ readonly from: string; readonly to: string }> => {
    const [from, to] = [`from-${made}`, `to-${made++}`];
    await broker.createTopic(from, 3);
    await broker.createTopic(to, 2);
    return { from, to };
  };

  const start = (names: { readonly from: string; readonly to: string }, ...more: readonly string[]): Command =>
    sandbox.start(
      'run',
      sandbox.job('kafka-copy.ts'),
      '--set',
      `broker=${broker.address}`,
      '--set',
      `from=${names.from}`,
      '--set',
      `to=${names.to}`,
      '--json',
      ...more,
    );

  /** Writes ids one after the other at a rate; nothing is written twice, for the broker lives meanwhile. */
  const feed = (topic: string): Promise<void> =>
    withProducer(broker, undefined, async (producer) => {
      const step = perSecond / 10;
      for (let id = 0; id < records; id += step) {
        await producer.send({ topic, messages: Array.from({ length: step }, (_, i) => ({ value: JSON.stringify({ id: id + i }) })) });
        await delay(100);
      }
    });

  const committed = async (topic: string): Promise<number[]> =>
    (await readTopic(broker, topic)).map(({ payload }) => (JSON.parse(payload ?? '') as { id: number }).id).sort((a, b) => a - b);

  const checkpoints = (): number => {
    const place = sandbox.path('state/checkpoints/kafka-copy');
    return existsSync(place) ? readdirSync(place).filter((name) => !name.startsWith('.')).length : 0;
  };

  const untilCommitted = async (job: Command, topic: string, count: number): Promise<number[]> => {
    const end = Date.now() + 60_000;
    for (;;) {
      const ids = await committed(topic);
      if (ids.length >= count) return ids;
      if (Date.now() > end) throw new Error(`${ids.length} of ${count} records are committed after 60 s\n${job.stdout.slice(-2000)}\n${job.stderr}`);
      await delay(200);
    }
  };

  kafkaTest(
    'a job killed with -9 again and again leaves each record exactly once',
    async () => {
      const names = await topics();
      const fed = feed(names.from);
      let job = start(names);
      await job.until(() => checkpoints() > 0, 'a checkpoint');
      for (let kill = 0; kill < 3; kill++) {
        // Anywhere in the round of checkpoints, 200 ms long.
        await delay(700 + 137 * kill);
        job.kill('SIGKILL');
        await job.ended;
        job = start(names, '--restore', 'latest', '--scale', `out=${1 + kill}`);
        await job.until(() => job.events.some(({ state }) => state === 'running'), 'a running job');
      }
      await fed;
      const ids = await untilCommitted(job, names.to, records);
      job.kill('SIGINT');
      assert.equal((await job.ended).code, 0, job.stderr);
      assert.deepEqual(
        ids,
        Array.from({ length: records }, (_, id) => id),
      );
      assert.equal((await committed(names.to)).length, records);
    },
    noKcat,
  );

  kafkaTest(
    'a job goes on through a broker that is killed, and leaves each record exactly once',
    async () => {
      const names = await topics();
      await feed(names.from);
      const job = start(names);
      await job.until(() => checkpoints() > 0, 'a checkpoint');
      await broker.kill();
      await delay(500);
      await broker.start();
      const ids = await untilCommitted(job, names.to, records);
      job.kill('SIGINT');
      assert.equal((await job.ended).code, 0, job.stderr);
      assert.deepEqual(
        ids,
        Array.from({ length: records }, (_, id) => id),
      );
    },
    noKcat,
  );
});
