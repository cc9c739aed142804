import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OutRecord } from '../../../../src/connectors/kafka/client.js';
import { kafkaSource, kafkaSourceOn, type KafkaSourceOptions } from '../../../../src/connectors/kafka/kafka-source.js';
import { ownerOf } from '../../../../src/connectors/kafka/partition-owner.js';
import type { KafkaFormat } from '../../../../src/connectors/kafka/record-decoder.js';
import { isMillraceError } from '../../../../src/core/errors.js';
import { t, type Schema } from '../../../../src/memory/schema.js';
import type { DeadLetter, SourceConnector, SourceRuntimeOptions } from '../../../../src/stream/connector.js';
import type { StateChunk } from '../../../../src/stream/subtask.js';
import { ManualClock } from '../../../../src/testing/index.js';
import { chunksOf, dealOut, makeContext, type Board } from '../harness.js';
import { FakeKafka } from './fake-kafka.js';

const row = { id: t.int32() };

const record = (partition: number, value: unknown, more: Partial<OutRecord> = {}): OutRecord => ({
  topic: 'in',
  partition,
  key: Buffer.from('k'),
  value: typeof value === 'string' ? Buffer.from(value) : Buffer.from(JSON.stringify(value)),
  headers: [
    { name: 'h', value: Buffer.from('first') },
    { name: 'h', value: Buffer.from('last') },
  ],
  timestamp: 1_000,
  ...more,
});

function clusterOf(partitions: number, records: readonly OutRecord[]): FakeKafka {
  const kafka = new FakeKafka();
  kafka.createTopic('in', partitions);
  kafka.append(records);
  return kafka;
}

function sourceOf(
  kafka: FakeKafka,
  more: Partial<Omit<KafkaSourceOptions, 'until'>> & { readonly until?: 'latest' | undefined } = {},
  format: KafkaFormat = 'json',
  schema: Schema | null = row,
): SourceConnector<unknown> {
  return kafkaSourceOn(kafka.connect, { brokers: ['fake:1'], topics: ['in'], until: 'latest', ...more } as KafkaSourceOptions, {
    schema: schema ?? undefined,
    format,
  });
}

interface Run {
  readonly rows: unknown[];
  readonly letters: DeadLetter[];
  readonly chunks: StateChunk[];
}

interface RunOptions extends Partial<SourceRuntimeOptions> {
  readonly parallelism?: number;
  /** Rounds of reads, one of each subtask; default: until all have ended. */
  readonly reads?: number;
  readonly restored?: readonly StateChunk[];
}

/** Runs all subtasks side by side, in turns, on a clock that moves on whenever one waits. */
async function runSource(source: SourceConnector<unknown>, { parallelism = 1, reads = Infinity, restored, ...options }: RunOptions = {}): Promise<Run> {
  const clock = new ManualClock();
  const board: Board = new Map();
  const dealt = dealOut(restored ?? [], parallelism);
  const all = Array.from({ length: parallelism }, (_, index) => {
    const made = makeContext({ index, parallelism, restored: restored !== undefined, clock, board });
    return { ...made, subtask: source.create({ passes: 1, onBadRecord: 'deadLetter', batchRows: 7, ...options }), chunks: dealt[index] ?? [], ended: false };
  });
  await Promise.all(all.map(async ({ subtask, context, chunks }) => subtask.open(context, chunks)));
  for (let round = 0; round < reads && all.some(({ ended }) => !ended); round++) {
    for (const one of all) {
      if (one.ended) continue;
      const { next } = await one.subtask.read();
      one.ended = next === 'end';
      if (next !== 'wait') continue;
      clock.advance(1000);
      await one.subtask.onProcessingTime?.(clock.now());
      // A turn of the event loop: what goes on in the background may end.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const chunks: StateChunk[] = [];
  for (const { subtask } of all) chunks.push(...(await chunksOf(subtask.freeze?.(1))));
  for (const { subtask, ended } of all) await subtask.close?.(ended);
  return {
    rows: all.flatMap(({ recorded }) => recorded.batches.flatMap((batch) => batch.rows())),
    letters: all.flatMap(({ recorded }) => recorded.letters),
    chunks,
  };
}

test('whatever is read before a restore and however partitions are dealt then, each record comes once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.nat({ max: 4 }), { maxLength: 40 }),
      async (partitions, before, after, reads, places) => {
        const kafka = clusterOf(
          partitions,
          places.map((place, id) => record(place % partitions, { id })),
        );
        const fields = { place: 'partition', at: 'offset' } as const;
        const source = sourceOf(kafka, { fields });
        const first = await runSource(source, { parallelism: before, reads, batchRows: 4 });
        const second = await runSource(source, { parallelism: after, restored: first.chunks, batchRows: 4 });
        const rows = [...first.rows, ...second.rows] as { id: number; place: number; at: number }[];
        assert.deepEqual(
          rows.map(({ id }) => id).sort((a, b) => a - b),
          places.map((_, id) => id),
        );
        for (let partition = 0; partition < partitions; partition++) {
          const offsets = rows.filter(({ place }) => place === partition).map(({ at }) => at);
          assert.deepEqual(
            offsets,
            offsets.map((_, i) => i),
          );
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('partitions are spread evenly, and a new one moves no other', () => {
  for (const parallelism of [1, 2, 3, 7]) {
    for (const topic of ['a', 'flights', 'x.y-z']) {
      const counts = new Array<number>(parallelism).fill(0);
      for (let partition = 0; partition < 21; partition++) counts[ownerOf({ topic, partition }, parallelism)]!++;
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${topic} at ${parallelism}: ${counts.join()}`);
    }
  }
});

test('formats: raw bytes, rows of a function that may pass over records, schemaless JSON, columns about the record', async () => {
  const records = [record(0, { id: 1 }), record(0, { id: 2 }), record(0, { id: 3 }, { value: null })];
  const kafka = clusterOf(1, records);
  const raw = await runSource(
    sourceOf(kafka, { fields: { k: 'keyBytes', t: 'topic', all: 'headers', h: 'header:h', none: 'header:no', when: 'timestamp' } }, 'raw', null),
  );
  assert.deepEqual(raw.rows[0], {
    value: new Uint8Array(Buffer.from('{"id":1}')),
    k: new Uint8Array(Buffer.from('k')),
    t: 'in',
    all: '[["h","Zmlyc3Q="],["h","bGFzdA=="]]',
    h: 'last',
    none: null,
    when: new Date(1000),
  });
  assert.equal((raw.rows[2] as { value: unknown }).value, null);

  const decode = ({ value, offset }: { readonly value: Uint8Array | null; readonly offset: number }): unknown => {
    if (value === null) throw new Error('nothing there');
    return offset === 1 ? undefined : { id: (JSON.parse(Buffer.from(value).toString()) as { id: number }).id * 10 };
  };
  const custom = await runSource(sourceOf(kafka, {}, { decode }));
  assert.deepEqual(custom.rows, [{ id: 10 }]);
  assert.match(custom.letters[0]?.cause ?? '', /decode\(\) threw: nothing there/);
  const wrong = await runSource(sourceOf(kafka, {}, { decode: () => ({ id: 'one' }) }));
  assert.match(wrong.letters[0]?.cause ?? '', /column "id".*"one" is no int32/);

  const free = await runSource(sourceOf(clusterOf(1, [record(0, '[1,2]'), record(0, '{')]), {}, 'json', null));
  assert.deepEqual(free.rows, [[1, 2]]);
  assert.match(free.letters[0]?.cause ?? '', /^not JSON: /);
});

test('tombstones are dead letters unless they are to be passed over; onBadRecord fail names topic and offset', async () => {
  const kafka = clusterOf(1, [record(0, { id: 1 }), record(0, '', { value: null }), record(0, { id: 2 })]);
  assert.equal((await runSource(sourceOf(kafka))).letters.length, 1);
  const skipped = await runSource(sourceOf(kafka, { tombstones: 'skip' }));
  assert.deepEqual([skipped.rows, skipped.letters], [[{ id: 1 }, { id: 2 }], []]);
  await assert.rejects(runSource(sourceOf(kafka), { onBadRecord: 'fail' }), /in, partition 0, offset 1: the record has no value/);
});

test('a topic that left the job is left out of its state; one that is new begins where start says', async () => {
  const kafka = clusterOf(1, [record(0, { id: 1 })]);
  const { chunks } = await runSource(sourceOf(kafka, { until: 'latest' }));
  kafka.createTopic('other', 1);
  kafka.append([record(0, { id: 9 }, { topic: 'other' })]);
  const next = await runSource(sourceOf(kafka, { topics: ['other'] }), { restored: chunks });
  assert.deepEqual(next.rows, [{ id: 9 }]);
});

test('options are checked: unknown keys, wrong addresses, a column twice, fields without a schema, passes', () => {
  const fails = (more: object, message: RegExp): void => {
    assert.throws(
      () => sourceOf(new FakeKafka(), more),
      (error: unknown) => isMillraceError(error) && error.code === 'OPTION_INVALID' && message.test(error.message),
    );
  };
  fails({ topic: 'x' }, /unknown option topic/);
  fails({ brokers: ['localhost'] }, /brokers\.0: must be host:port \(got "localhost"\)/);
  fails({ fields: { a: 'value' } }, /must be 'topic'/);
  assert.deepEqual(sourceOf(new FakeKafka(), { fields: { id: 'key' } }).validate?.(), ["fields: 'id' is a column of the value already; choose another name"]);
  assert.throws(() => sourceOf(new FakeKafka(), { fields: { a: 'key' } }, 'json', null), /fields are columns, and there is no schema/);
  assert.throws(() => sourceOf(new FakeKafka()).create({ passes: 2, onBadRecord: 'fail', batchRows: 1 }), /passes is 2/);
});

test('event time is made for each partition: the one behind holds the watermark, unless it is idle or at its end', async () => {
  const at = (partition: number, time: number): OutRecord => record(partition, { id: time });
  const kafka = clusterOf(2, [at(0, 100), at(0, 200), at(0, 300), at(1, 50)]);
  const clock = new ManualClock();
  const { context, recorded } = makeContext({ clock });
  const subtask = sourceOf(kafka, { until: undefined }).create({
    ...{ passes: 1, onBadRecord: 'fail', batchRows: 100 },
    times: { time: 'id', outOfOrdernessMs: 5, idleMs: 1000 },
  });
  await subtask.open(context, []);
  await subtask.read();
  assert.deepEqual(recorded.times, [44]);
  assert.deepEqual([...(recorded.batches[0]?.times ?? [])], [100, 200, 300, 50]);
  clock.advance(600);
  kafka.append([at(0, 400)]);
  await subtask.read();
  assert.deepEqual(recorded.times, [44]);
  clock.advance(600);
  await subtask.onProcessingTime?.(clock.now());
  assert.deepEqual(recorded.times, [44, 394]);
  clock.advance(600);
  await subtask.onProcessingTime?.(clock.now());
  assert.deepEqual(recorded.times, [44, 394, 'idle']);
  kafka.append([at(1, 500)]);
  await subtask.read();
  assert.deepEqual(recorded.times, [44, 394, 'idle', 'active', 494]);
  await subtask.close?.(false);
});

test('metrics say how far behind the source is, and offsets are committed for other tools', async () => {
  const kafka = clusterOf(
    1,
    Array.from({ length: 10 }, (_, id) => record(0, { id })),
  );
  const values = new Map<string, number>();
  const clock = new ManualClock(5000);
  const { context } = makeContext({
    clock,
    metrics: {
      counter: (name) => ({ add: (amount) => void values.set(name, (values.get(name) ?? 0) + amount) }),
      gauge: (name) => ({ set: (value) => void values.set(name, value) }),
      histogram: () => ({ observe: () => undefined }),
    },
  });
  const subtask = sourceOf(kafka, { until: undefined, group: 'tools' }).create({ passes: 1, onBadRecord: 'fail', batchRows: 4 });
  await subtask.open(context, []);
  await subtask.read();
  assert.equal(values.get('kafka_lag_records'), 6);
  assert.equal(values.get('kafka_value_bytes_total'), 4 * '{"id":1}'.length);
  await subtask.read();
  await subtask.read();
  assert.equal(values.get('kafka_lag_records'), 0);
  assert.equal(values.get('kafka_record_age_seconds'), 4);
  kafka.append([record(0, { id: 10 })]);
  clock.advance(5000);
  await subtask.onProcessingTime?.(clock.now());
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(values.get('kafka_lag_records'), 1, 'heard of without reading');
  assert.equal(kafka.groups.get('tools')?.get('in-0')?.offset, 10);
  await subtask.read();
  await subtask.close?.(true);
  assert.equal(kafka.groups.get('tools')?.get('in-0')?.offset, 11);
});

test('the row type has the columns of the value and those about the record', () => {
  const options = { brokers: ['fake:1'], topics: ['in'] };
  const plain: SourceConnector<{ id: number }> = kafkaSource(options, row);
  const more: SourceConnector<{ id: number; key: string | null; at: Date; trace: string | null; bytes: Uint8Array | null; offset: number }> = kafkaSource(
    { ...options, fields: { key: 'key', at: 'timestamp', trace: 'header:trace', bytes: 'keyBytes', offset: 'offset' } },
    row,
  );
  const raw: SourceConnector<{ value: Uint8Array | null; topic: string }> = kafkaSource({ ...options, fields: { topic: 'topic' } }, 'raw');
  const custom: SourceConnector<{ size: number }> = kafkaSource(options, { decode: ({ value }) => ({ size: value?.length ?? 0 }) });
  // @ts-expect-error: there is no such column
  const wrong: SourceConnector<{ id: string }> = kafkaSource(options, row);
  assert.deepEqual(
    [plain, more, raw, custom, wrong].map(({ schema }) => Object.keys(schema ?? {})),
    [['id'], ['id', 'key', 'at', 'trace', 'bytes', 'offset'], ['value', 'topic'], [], ['id']],
  );
});
