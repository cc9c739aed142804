import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { kafkaSink, type KafkaSinkOptions } from '../../../../src/connectors/index.js';
import { isMillraceError } from '../../../../src/core/errors.js';
import { batchFromRows } from '../../../../src/memory/index.js';
import type { StateChunk, Subtask } from '../../../../src/stream/subtask.js';
import { KafkaBroker } from '../../../kafka/kafka-broker.js';
import { hasKafka, kafkaTest } from '../../../kafka/kafka-test.js';
import { produce } from '../../../kafka/produce.js';
import { missingKcat, readTopic } from '../../../kafka/read-topic.js';
import { chunksOf, dealOut, makeContext, type Board } from '../../../unit/connectors/harness.js';
import { row } from './support/kafka-job.js';
import { sorted, startKafkaJob, upTo } from './support/start-kafka-job.js';

interface Row {
  readonly id: number;
  readonly name: string;
}

const noKcat = await missingKcat();
const rowsOf = (from: number, to: number): Row[] => upTo(to - from).map((i) => ({ id: from + i, name: `n${from + i}` }));

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

    const onBroker = (name: string, run: () => Promise<void>): void => kafkaTest(name, run, noKcat);
    const newTopic = async (partitions = 3): Promise<string> => {
      const topic = `out-${made++}`;
      await broker.createTopic(topic, partitions);
      return topic;
    };
    /** What read-committed consumers see, by librdkafka. */
    const idsIn = async (topic: string, isolation?: 'read_uncommitted'): Promise<number[]> =>
      sorted((await readTopic(broker, topic, isolation)).map(({ payload }) => (JSON.parse(payload ?? '{}') as Row).id));
    const exactly = (topic: string, more: Partial<KafkaSinkOptions<Row>> = {}): KafkaSinkOptions<Row> => ({
      brokers: [broker.address],
      topic,
      delivery: 'exactlyOnce',
      ...more,
    });

    /** Subtasks of a sink, driven by hand as an engine drives them. */
    class Sink {
      private constructor(
        readonly subtasks: readonly Subtask[],
        readonly failures: readonly unknown[],
      ) {}

      static async open(options: KafkaSinkOptions<Row>, parallelism: number, restored?: readonly StateChunk[]): Promise<Sink> {
        const dealt = dealOut(restored ?? [], parallelism);
        const board: Board = new Map();
        const failures: unknown[] = [];
        const subtasks = upTo(parallelism).map(() => kafkaSink(options).create(row));
        await Promise.all(
          subtasks.map(async (subtask, index) => {
            const { context } = makeContext({ index, parallelism, restored: restored !== undefined, board, onFail: (error) => void failures.push(error) });
            await subtask.open(context, dealt[index] ?? []);
          }),
        );
        return new Sink(subtasks, failures);
      }

      async write(rows: readonly Row[]): Promise<void> {
        for (let i = 0; i < rows.length; i++) await this.subtasks[i % this.subtasks.length]?.process(batchFromRows(row, [rows[i] as Row]), 0);
      }

      async cut(number: number): Promise<StateChunk[]> {
        const chunks: StateChunk[] = [];
        for (const subtask of this.subtasks) {
          await subtask.prepareSnapshot?.(number);
          chunks.push(...(await chunksOf(subtask.freeze?.(number))));
        }
        return chunks;
      }

      async complete(cut: number): Promise<void> {
        for (const subtask of this.subtasks) await subtask.complete?.(cut);
      }

      /** Ends as a lost process does: nothing more is committed. */
      async drop(): Promise<void> {
        for (const subtask of this.subtasks) await subtask.close?.(false);
      }
    }

    onBroker('writes keys to the partitions that other clients choose, with headers and timestamps, in every compression', async () => {
      const topic = await newTopic(5);
      const options = {
        brokers: [broker.address],
        topic,
        key: 'name' as const,
        headers: (r: Row) => ({ trace: `t${r.id}`, none: null }),
        timestamp: (r: Row) => 1e12 + r.id,
      };
      let from = 0;
      for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
        const sink = await Sink.open({ ...options, compression }, 1);
        await sink.write(rowsOf(from, from + 50));
        await sink.cut(1);
        await sink.drop();
        from += 50;
      }
      const records = await readTopic(broker, topic);
      assert.deepEqual(sorted(records.map(({ payload }) => (JSON.parse(payload ?? '') as Row).id)), upTo(250));
      for (const { key, payload, headers, ts } of records) {
        const { id, name } = JSON.parse(payload ?? '') as Row;
        assert.equal(key, name);
        assert.equal(ts, 1e12 + id);
        assert.deepEqual(headers, ['trace', `t${id}`, 'none', null]);
      }
      // kcat chooses as Java's producer does where it is told to; kafkajs does by itself.
      const reference = await newTopic(5);
      const { Kafka, logLevel } = await import('kafkajs');
      const { Partitioners } = (await import('kafkajs')).default;
      const producer = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      await producer.send({ topic: reference, messages: rowsOf(0, 250).map(({ name }) => ({ key: name, value: '{}' })) });
      await producer.disconnect();
      const chosen = new Map((await readTopic(broker, reference)).map(({ key, partition }) => [key, partition]));
      for (const { key, partition } of records) assert.equal(partition, chosen.get(key), `key ${key}`);
    });

    onBroker('at least once: a cut waits until everything before it is in the topic, also through a broker that is killed', async () => {
      const topic = await newTopic();
      const sink = await Sink.open({ brokers: [broker.address], topic }, 2);
      await sink.write(rowsOf(0, 100));
      await sink.cut(1);
      assert.deepEqual(await idsIn(topic), upTo(100));
      await broker.kill();
      await sink.write(rowsOf(100, 200));
      const cut = sink.cut(2);
      await broker.start();
      await cut;
      assert.deepEqual(await idsIn(topic), upTo(200), 'the broker recognised repeated batches');
      await sink.drop();
      assert.deepEqual(sink.failures, []);
    });

    onBroker('exactly once: output is there when its cut is complete, and not before', async () => {
      const topic = await newTopic();
      const sink = await Sink.open(exactly(topic), 2);
      await sink.write(rowsOf(0, 50));
      await sink.cut(1);
      await sink.write(rowsOf(50, 80));
      assert.deepEqual(await idsIn(topic), []);
      await sink.complete(1);
      await sink.cut(2);
      await sink.cut(3);
      await sink.complete(3);
      await sink.drop();
      assert.deepEqual(await idsIn(topic), upTo(80));
      assert.deepEqual(sink.failures, []);
    });

    for (const [before, now] of [
      [2, 2],
      [3, 1],
      [1, 3],
      [4, 3],
    ] as const) {
      onBroker(`exactly once: ${before} subtasks lost after a cut, ${now} go on: what was not committed is, what was is not again`, async () => {
        const topic = await newTopic();
        const first = await Sink.open(exactly(topic), before);
        await first.write(rowsOf(0, 40));
        const cut1 = await first.cut(1);
        await first.complete(1);
        await first.write(rowsOf(40, 70));
        const cut2 = await first.cut(2);
        // Lost between freeze and complete; what came after the cut comes again from the source.
        await first.write(rowsOf(70, 75));
        await first.drop();
        assert.deepEqual(await idsIn(topic), upTo(40));

        const second = await Sink.open(exactly(topic), now, cut2);
        assert.deepEqual(await idsIn(topic), upTo(70), 'the restored output is committed when the sink has opened');
        await second.write(rowsOf(70, 90));
        const cut3 = await second.cut(3);
        await second.complete(3);
        await second.drop();
        // Lost after complete: the state still holds the output of cut 3, which is in the topic.
        const third = await Sink.open(exactly(topic), before, cut3);
        await third.drop();
        // The same state again: no second time either. And the one before it, as if cut 3 were torn.
        const fourth = await Sink.open(exactly(topic), now, cut3);
        await fourth.drop();
        const fifth = await Sink.open(exactly(topic), now, cut2);
        await fifth.drop();
        const sixth = await Sink.open(exactly(topic), 2, cut1);
        await sixth.drop();
        assert.deepEqual(await idsIn(topic), upTo(90));
        for (const sink of [first, second, third, fourth, fifth, sixth]) assert.deepEqual(sink.failures, []);
      });
    }

    onBroker('exactly once: a predecessor that still lives is fenced, also on lanes that there are no more', async () => {
      const topic = await newTopic();
      const old = await Sink.open(exactly(topic), 3);
      await old.write(rowsOf(0, 30));
      const cut1 = await old.cut(1);
      // A start that knows nothing of three lanes: its state is from before.
      const next = await Sink.open(exactly(topic), 1, []);
      await old.complete(1);
      await old.drop();
      assert.deepEqual(await idsIn(topic), []);
      assert.equal(old.failures.length, 3);
      for (const failure of old.failures) assert.ok(isMillraceError(failure) && failure.code === 'JOB_FENCED', String(failure));
      await next.drop();
      const last = await Sink.open(exactly(topic), 2, cut1);
      await last.drop();
      assert.deepEqual(await idsIn(topic), upTo(30));
      assert.deepEqual(await idsIn(topic, 'read_uncommitted'), upTo(30), 'nothing was written by who was fenced');
    });

    onBroker('exactly once: settles a transaction that a predecessor left open', async () => {
      const topic = await newTopic(1);
      const first = await Sink.open(exactly(topic), 1);
      await first.write(rowsOf(0, 5));
      const cut = await first.cut(1);
      await first.drop();
      // The lane's id as a process holds it that dies in the middle of its commit: records are written, the end is not.
      const { Kafka, logLevel } = await import('kafkajs');
      const lost = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).producer({
        transactionalId: `millrace-test-subject-0`,
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await lost.connect();
      const transaction = await lost.transaction();
      await transaction.send({ topic, messages: rowsOf(0, 5).map((each) => ({ value: JSON.stringify(each) })) });
      await lost.disconnect();
      assert.deepEqual(await idsIn(topic, 'read_uncommitted'), upTo(5));
      const second = await Sink.open(exactly(topic), 1, cut);
      await second.drop();
      assert.deepEqual(await idsIn(topic), upTo(5));
      assert.deepEqual(await idsIn(topic, 'read_uncommitted'), sorted([...upTo(5), ...upTo(5)]));
    });

    onBroker('exactly once: commits through a broker that is killed in the middle', async () => {
      const topic = await newTopic();
      const sink = await Sink.open(exactly(topic), 1);
      const cuts = 12;
      for (let cut = 1; cut <= cuts; cut++) {
        await sink.write(rowsOf((cut - 1) * 100, cut * 100));
        await sink.cut(cut);
        await sink.complete(cut);
        if (cut === 4 || cut === 8) {
          await broker.kill();
          await broker.start();
        }
      }
      await sink.write(rowsOf(cuts * 100, cuts * 100 + 1));
      await sink.cut(Number.MAX_SAFE_INTEGER);
      await sink.complete(Number.MAX_SAFE_INTEGER);
      await sink.drop();
      assert.deepEqual(await idsIn(topic), upTo(cuts * 100 + 1));
      assert.deepEqual(sink.failures, []);
    });

    onBroker('exactly once: says so where Kafka has lost the marker, and does what it is told', async () => {
      const topic = await newTopic();
      const first = await Sink.open(exactly(topic), 1);
      await first.write(rowsOf(0, 5));
      const cut = await first.cut(1);
      await first.drop();
      await broker.admin((admin) => admin.deleteGroups(['millrace-test-subject-0']));
      await assert.rejects(Sink.open(exactly(topic), 1, cut), (error: unknown) => isMillraceError(error) && error.code === 'STATE_INVALID');
      await (await Sink.open(exactly(topic, { onMissingMarker: 'discard' }), 1, cut)).drop();
      assert.deepEqual(await idsIn(topic), []);
      await (await Sink.open(exactly(topic, { onMissingMarker: 'commit' }), 1, cut)).drop();
      assert.deepEqual(await idsIn(topic), upTo(5));
    });

    onBroker('a job from topic to topic, rescaled on the way, leaves each record once', async () => {
      const [input, output] = [await newTopic(4), await newTopic(3)];
      await produce(
        broker,
        input,
        rowsOf(0, 400).map((each) => ({ value: JSON.stringify(each) })),
      );
      const job = await startKafkaJob({
        source: { brokers: [broker.address], topics: [input] },
        sink: { brokers: [broker.address], topic: output, delivery: 'exactlyOnce' },
        sinkParallelism: 2,
      });
      await job.until(() => job.ids().length >= 400);
      await job.job.scale('out', 4);
      assert.deepEqual(await idsIn(output), upTo(400), 'the cut of a scale commits');
      await produce(
        broker,
        input,
        rowsOf(400, 700).map((each) => ({ value: JSON.stringify(each) })),
      );
      await job.until(() => job.ids().length >= 700);
      await job.job.scale('out', 1);
      await job.job.scale('in', 3);
      await produce(
        broker,
        input,
        rowsOf(700, 800).map((each) => ({ value: JSON.stringify(each) })),
      );
      await job.until(() => job.ids().length >= 800);
      await job.job.stop();
      assert.deepEqual(await idsIn(output), upTo(800));
    });
  });
