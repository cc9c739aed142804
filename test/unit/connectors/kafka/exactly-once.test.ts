import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CommitMarkers, committedCut, type Marker } from '../../../../src/connectors/kafka/commit-markers.js';
import { kafkaSinkOn } from '../../../../src/connectors/kafka/kafka-sink.js';
import { isMillraceError } from '../../../../src/core/errors.js';
import { deferred } from '../../../../src/core/lifecycle.js';
import { batchFromRows, type RecordBatch } from '../../../../src/memory/index.js';
import { t } from '../../../../src/memory/schema.js';
import type { StateChunk, Subtask } from '../../../../src/stream/subtask.js';
import { chunksOf, dealOut, makeContext, type Board } from '../harness.js';
import { FakeKafka, type Outcome } from './fake-kafka.js';

const row = { id: t.int32() };

type Sink = readonly Subtask[];

async function open(kafka: FakeKafka, parallelism: number, restored: readonly StateChunk[] | undefined, onFail: (error: unknown) => void): Promise<Sink> {
  const dealt = dealOut(restored ?? [], parallelism);
  const board: Board = new Map();
  const connector = kafkaSinkOn<{ id: number }>(kafka.connect, { brokers: ['fake:1'], topic: 'out', delivery: 'exactlyOnce' });
  const subtasks = Array.from({ length: parallelism }, () => connector.create(row));
  await Promise.all(
    subtasks.map(async (subtask, index) =>
      subtask.open(makeContext({ index, parallelism, restored: restored !== undefined, board, onFail }).context, dealt[index] ?? []),
    ),
  );
  return subtasks;
}

async function cut(sink: Sink, number: number): Promise<StateChunk[]> {
  const chunks: StateChunk[] = [];
  for (const subtask of sink) {
    await subtask.prepareSnapshot?.(number);
    chunks.push(...(await chunksOf(subtask.freeze?.(number))));
  }
  return chunks;
}

const idsIn = (kafka: FakeKafka): number[] =>
  [...kafka.logs.values()]
    .flat()
    .map(({ value }) => (JSON.parse(Buffer.from(value as Uint8Array).toString()) as { id: number }).id)
    .sort((a, b) => a - b);

type Step =
  | { readonly kind: 'write'; readonly rows: number }
  /** A cut, complete or aborted; `gap`: its completion is heard of after so many more rows. */
  | { readonly kind: 'cut'; readonly isComplete: boolean; readonly heardBy: number }
  /** Everything is lost; so many subtasks go on from the last complete cut, or from the one before (the last is torn). */
  | { readonly kind: 'crash'; readonly parallelism: number; readonly isTorn: boolean; readonly leavesZombie: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), rows: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('cut' as const), isComplete: fc.boolean(), heardBy: fc.nat({ max: 3 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      parallelism: fc.integer({ min: 1, max: 4 }),
      isTorn: fc.constant(false),
      leavesZombie: fc.boolean(),
    }),
  },
);

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 5, arbitrary: fc.constant('commit' as const) },
  fc.constantFrom('lostBeforeCommit', 'lostAfterCommit'),
);

test('whatever is lost, and whenever: each record of a complete cut is in the topic exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 4, maxLength: 30 }),
      fc.array(outcome, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, outcomes, first) => {
        const kafka = new FakeKafka();
        kafka.createTopic('out', 3);
        let calls = 0;
        kafka.outcome = () => outcomes[calls++ % outcomes.length] as Outcome;
        // A script of failures only would never let a transaction end.
        if (!outcomes.includes('commit')) kafka.outcome = () => (calls++ % 3 === 0 ? 'commit' : (outcomes[calls % outcomes.length] as Outcome));
        const zombies: { readonly sink: Sink; readonly cut: number }[] = [];
        const failures: unknown[] = [];
        let sink = await open(kafka, first, undefined, (error) => void failures.push(error));
        let written = 0;
        let cuts = 0;
        /** The last complete cut: its state, and how many records lie before it. */
        let last: { readonly chunks: StateChunk[]; readonly written: number } | undefined;
        const complete = async (number: number): Promise<void> => {
          for (const subtask of sink) await subtask.complete?.(number);
        };
        for (const each of steps) {
          if (each.kind === 'write') {
            for (let i = 0; i < each.rows; i++, written++) await sink[written % sink.length]?.process(batchFromRows(row, [{ id: written }]), 0);
          } else if (each.kind === 'cut') {
            const number = ++cuts;
            const chunks = await cut(sink, number);
            if (!each.isComplete) {
              for (const subtask of sink) await subtask.abort?.(number);
              continue;
            }
            last = { chunks, written };
            // Not every subtask hears of it before what comes next.
            for (const subtask of sink.slice(0, each.heardBy)) await subtask.complete?.(number);
          } else {
            const old = sink;
            if (each.leavesZombie) zombies.push({ sink: old, cut: cuts });
            else for (const subtask of old) await subtask.close?.(false);
            sink = await open(kafka, each.parallelism, last?.chunks ?? [], (error) => void failures.push(error));
            written = last?.written ?? 0;
            // Whoever was left alive tries to commit what it holds.
            for (const zombie of zombies) for (const subtask of zombie.sink) await subtask.complete?.(zombie.cut);
          }
        }
        const number = ++cuts;
        await cut(sink, number);
        await complete(number);
        for (const { sink: old } of [...zombies, { sink }]) for (const subtask of old) await subtask.close?.(false);
        assert.deepEqual(
          idsIn(kafka),
          Array.from({ length: written }, (_, i) => i),
        );
        for (const failure of failures) assert.ok(isMillraceError(failure) && failure.code === 'JOB_FENCED', String(failure));
      },
    ),
    { numRuns: 400 },
  );
});

test('more output than may wait for its cut is refused, saying what to do', async () => {
  const kafka = new FakeKafka();
  kafka.createTopic('out', 1);
  const connector = kafkaSinkOn<{ id: number }>(kafka.connect, { brokers: ['fake:1'], topic: 'out', delivery: 'exactlyOnce', maxPendingBytes: 100 });
  const subtask = connector.create(row);
  await subtask.open(makeContext({ board: new Map() }).context, []);
  const fill = async (): Promise<void> => {
    for (let id = 0; id < 20; id++) await subtask.process(batchFromRows(row, [{ id }]), 0);
  };
  await assert.rejects(
    fill(),
    (error: unknown) => isMillraceError(error) && error.code === 'RESOURCE_EXHAUSTED' && /the limit is 100 \(maxPendingBytes\)/.test(error.message),
  );
  await subtask.close?.(false);
});

test('while a transaction is under way, more output than may wait holds the stream back instead', async () => {
  const kafka = new FakeKafka();
  kafka.createTopic('out', 1);
  const connector = kafkaSinkOn<{ id: number }>(kafka.connect, { brokers: ['fake:1'], topic: 'out', delivery: 'exactlyOnce', maxPendingBytes: 100 });
  const subtask = connector.create(row);
  await subtask.open(makeContext({ board: new Map() }).context, []);
  const rows = (from: number, count: number): RecordBatch =>
    batchFromRows(
      row,
      Array.from({ length: count }, (_, i) => ({ id: from + i })),
    );
  await subtask.process(rows(0, 4), 0);
  await cut([subtask], 1);
  const broker = deferred();
  kafka.gate = broker.promise;
  void subtask.complete?.(1);
  let isHeld = true;
  const processed = Promise.resolve(subtask.process(rows(4, 4), 0)).then(() => (isHeld = false));
  await new Promise(setImmediate);
  assert.equal(isHeld, true);
  broker.resolve();
  await processed;
  assert.deepEqual(idsIn(kafka), [0, 1, 2, 3]);
  await cut([subtask], 2);
  await subtask.complete?.(2);
  await subtask.close?.(true);
  assert.deepEqual(idsIn(kafka), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('a lane remembers its last starts, within what a broker keeps', async () => {
  const kafka = new FakeKafka();
  kafka.createTopic('out', 1);
  const client = kafka.client();
  const markers = new CommitMarkers(client, 'out', 'prefix');
  let known: readonly Marker[] = [];
  for (let start = 0; start < 100; start++) {
    const { group, offsets } = markers.offsets(0, known, { branch: `branch-${start}`, cut: Number.MAX_SAFE_INTEGER });
    assert.ok((offsets[0]?.metadata.length ?? Infinity) < 4096);
    await client.commitOffsets(group, offsets);
    known = await markers.read(0);
  }
  assert.equal(known.length, 32);
  assert.equal(committedCut(known, 'branch-99'), Number.MAX_SAFE_INTEGER);
  assert.equal(committedCut(known, 'branch-10'), undefined);
  await client.commitOffsets('prefix-1', [{ topic: 'out', partition: 0, offset: 0, metadata: 'of somebody else' }]);
  await assert.rejects(markers.read(1), /is no marker of an exactly-once sink; choose another transactionPrefix/);
});
