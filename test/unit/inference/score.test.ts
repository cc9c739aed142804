import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { t, type Infer } from '../../../src/memory/index.js';
import type { DataStream } from '../../../src/stream/data-stream.js';
import '../../../src/inference/index.js';
import type { ScoreOptions } from '../../../src/inference/index.js';
import { adam, category, concat, defineModel, dense, numeric, type TrainedModel } from '../../../src/tensorflow/model/index.js';
import { OperatorHarness } from '../../../src/testing/operator-harness.js';
import { ManualFeed, weightsOf } from './manual-feed.js';
import { writeSumModel } from './saved-model-fixture.js';

const schema = { hour: t.int32(), distance: t.float32() };
type Row = Infer<typeof schema>;

const lateness = defineModel({
  name: 'lateness',
  inputs: { hour: category(24), distance: numeric({ mean: 1, std: 2 }) },
  label: { late: t.bool() },
  build: ({ hour, distance }) => ({ probability: dense(1, 'sigmoid', concat([hour, distance])) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(),
});
type Lateness = typeof lateness;
type Trained = Lateness extends { readonly _types?: infer T }
  ? NonNullable<T> extends { features: infer F; labels: infer L; outputs: infer O }
    ? TrainedModel<F, L, O>
    : never
  : never;

const rowsOf = (count: number): Row[] => Array.from({ length: count }, (_, i) => ({ hour: i % 24, distance: i / 10 }));

async function expected(rows: readonly Row[], seed: number): Promise<number[]> {
  const { batchFromRows } = await import('../../../src/memory/index.js');
  const session = await lateness.openTraining({ seed });
  const made = await session.predict(
    batchFromRows(
      { ...schema, late: t.bool() },
      rows.map((row) => ({ ...row, late: false })),
    ),
  );
  await session.close();
  return Array.from(made['probability']?.data as Float32Array);
}

function assertScores(actual: readonly { probability: number }[], wanted: readonly number[]): void {
  assert.equal(actual.length, wanted.length);
  actual.forEach(({ probability }, i) => {
    assert.ok(Math.abs(probability - (wanted[i] as number)) < 1e-5, `row ${i}: ${probability} is not ${wanted[i]}`);
  });
}

interface Scored extends Row {
  probability: number;
  modelVersion?: number;
}

async function scoring(feed: ManualFeed, options: ScoreOptions = {}) {
  const model: Trained = { definition: lateness, versions: feed };
  return OperatorHarness.open<Row, Scored>({ schema, build: (input) => input.score(model, options) });
}

// Never called: what must and must not compile.
export function types(rows: DataStream<Row>, model: Trained): void {
  rows.score(model)._row satisfies { hour: number; distance: number; probability: number };
  rows.score(model, { modelVersion: true })._row satisfies { modelVersion: number };
  // @ts-expect-error: the row has no such column
  rows.score(model)._row.modelVersion satisfies number;
  // @ts-expect-error: hour is no number
  (rows as unknown as DataStream<{ hour: string; distance: number }>).score(model);
  rows.score({ savedModel: 'dir', outputs: { sum: t.float32() } })._row satisfies { hour: number; sum: number };
}

describe('score with a model that trains', () => {
  it('adds the outputs to every row, in order, however rows are cut into batches', async () => {
    const harness = await scoring(await ManualFeed.of(lateness), { batch: { maxSize: 16 } });
    const rows = rowsOf(150);
    for (const [from, to] of [
      [0, 5],
      [5, 21],
      [21, 100],
      [100, 150],
    ] as const)
      await harness.push(rows.slice(from, to));
    await harness.end();
    assert.deepEqual(
      harness.rows().map(({ hour, distance }) => [hour, Math.fround(distance)]),
      rows.map(({ hour, distance }) => [hour, Math.fround(distance)]),
    );
    assertScores(harness.rows(), await expected(rows, 1));
    await harness.close(true);
  });

  it('keeps every row behind the watermark that came after it and gives unordered results too', async () => {
    const harness = await scoring(await ManualFeed.of(lateness), { batch: { maxSize: 8 }, ordered: false });
    const rows = rowsOf(40);
    for (let i = 0; i < 40; i += 10) {
      await harness.push(
        rows.slice(i, i + 10),
        Array.from({ length: 10 }, (_, k) => i + k),
      );
      await harness.watermark(i + 9);
    }
    await harness.end();
    assert.equal(harness.rows().length, 40);
    assert.deepEqual(harness.watermarks.at(-1), Infinity);
    assert.deepEqual(
      [...harness.watermarks].sort((a, b) => a - b),
      harness.watermarks,
    );
    assert.deepEqual(
      harness
        .records()
        .map(({ time }) => time)
        .sort((a, b) => (a as number) - (b as number)),
      Array.from({ length: 40 }, (_, i) => i),
    );
    await harness.close(true);
  });

  it('lets a partial batch wait for maxDelayMs, no longer', async () => {
    const harness = await scoring(await ManualFeed.of(lateness), { batch: { maxSize: 100, maxDelayMs: 20 } });
    await harness.push(rowsOf(3));
    await harness.advanceClock(19);
    const early = harness.rows().length;
    await harness.advanceClock(1);
    await harness.snapshot();
    assert.equal(early, 0);
    assert.equal(harness.rows().length, 3);
    await harness.close();
  });

  it('emits what it holds before it says that its input is idle', async () => {
    const harness = await scoring(await ManualFeed.of(lateness), { batch: { maxSize: 100 } });
    await harness.push(rowsOf(3), [1, 2, 3]);
    await harness.watermark(3);
    await harness.idle(true);
    assert.equal(harness.rows().length, 3);
    assert.deepEqual(harness.watermarks, [3]);
    await harness.close();
  });

  it('has nothing in flight at a cut, and goes on after it', async () => {
    const harness = await scoring(await ManualFeed.of(lateness), { batch: { maxSize: 7 } });
    const rows = rowsOf(60);
    await harness.push(rows.slice(0, 33));
    const next = await harness.restart();
    assert.equal(next.rows().length, 33);
    await next.push(rows.slice(33));
    await next.end();
    assertScores(next.rows(), await expected(rows, 1));
    await next.close(true);
  });

  it('serves each version as it is published, and says which one scored a row', async () => {
    const feed = await ManualFeed.of(lateness, 1);
    const harness = await scoring(feed, { modelVersion: true });
    const rows = rowsOf(10);
    await harness.push(rows);
    await harness.snapshot();
    feed.publish(await weightsOf(lateness, 2));
    feed.publish(await weightsOf(lateness, 3));
    await harness.push(rows);
    await harness.end();
    const [old, fresh] = [harness.rows().slice(0, 10), harness.rows().slice(10)];
    assert.deepEqual([...new Set(old.map(({ modelVersion }) => modelVersion))], [0]);
    assertScores(old, await expected(rows, 1));
    const served = fresh[0]?.modelVersion as number;
    assert.ok(served === 1 || served === 2);
    assertScores(fresh, await expected(rows, served + 1));
    await harness.close(true);
    assert.equal(feed.openCount, 0);
  });

  it('sends rows that the model cannot read to the dead letters and scores the others', async () => {
    const harness = await scoring(await ManualFeed.of(lateness));
    await harness.push([
      { hour: 1, distance: 1 },
      { hour: 24, distance: 1 },
      { hour: 3, distance: NaN },
      { hour: 4, distance: 1 },
    ]);
    await harness.end();
    assert.deepEqual(
      harness.rows().map(({ hour }) => hour),
      [1, 4],
    );
    const letters = harness.rows<{ position: string; cause: string; code: string }>('dead-letters');
    assert.deepEqual(
      letters.map(({ position, code }) => [position, code]),
      [
        ['record 1 of subtask 0', 'RECORD_MALFORMED'],
        ['record 2 of subtask 0', 'RECORD_MALFORMED'],
      ],
    );
    assert.match(letters[0]?.cause ?? '', /column 'hour': 24; category\(24\) takes 0\.\.23/);
    await harness.close(true);
  });

  it('fails where bad rows are not to be set aside', async () => {
    const harness = await scoring(await ManualFeed.of(lateness), { onBadRecord: 'fail' });
    await assert.rejects(harness.push([{ hour: 30, distance: 1 }]), /score: record 0 of subtask 0: column 'hour'/);
    await harness.close();
  });

  it('names the operator for columns, options and outputs that do not fit, before anything runs', async () => {
    const model = { definition: lateness, versions: await ManualFeed.of(lateness) } as unknown as TrainedModel<object, object, object>;
    const open = OperatorHarness.open({
      schema: { hour: t.string() },
      build: (input) => input.score(model, { name: 'lateness', maxInFlight: 0, outputs: ['nope'] as const }) as never,
    });
    await assert.rejects(
      open,
      (error: Error) =>
        /lateness: maxInFlight/.test(error.message) &&
        /column 'hour' is string/.test(error.message) &&
        /input 'distance' is no column/.test(error.message) &&
        /no output nope/.test(error.message),
    );
  });
});

describe('score with a SavedModel', () => {
  let model: Awaited<ReturnType<typeof writeSumModel>>;
  before(async () => {
    model = await writeSumModel();
  });
  after(() => model.remove());

  it('feeds a vector column by the name of the input', async () => {
    const harness = await OperatorHarness.open({ schema: { x: t.vector(3) }, build: (input) => input.score({ savedModel: model.dir }) as never });
    await harness.push([{ x: Float32Array.of(1, 2, 3) }, { x: Float32Array.of(4, 5, 6) }] as never[]);
    await harness.end();
    const rows = harness.rows<{ sum: number; doubled: Float32Array }>();
    assert.deepEqual(
      rows.map(({ sum }) => sum),
      [6, 15],
    );
    assert.deepEqual(
      rows.map(({ doubled }) => Array.from(doubled)),
      [
        [2, 4, 6],
        [8, 10, 12],
      ],
    );
    await harness.close(true);
  });

  it('joins several columns of numbers into one input and keeps the outputs asked for', async () => {
    const columns = { a: t.float32(), b: t.int32(), c: t.bool() };
    const harness = await OperatorHarness.open({
      schema: columns,
      build: (input) =>
        (input as unknown as DataStream<Infer<typeof columns>>).score({
          savedModel: model.dir,
          inputs: { x: ['a', 'b', 'c'] },
          outputs: { sum: t.float32() },
        }) as never,
    });
    await harness.push([
      { a: 0.5, b: 2, c: true },
      { a: 1.5, b: -1, c: false },
    ] as never[]);
    await harness.end();
    assert.deepEqual(harness.rows(), [
      { a: 0.5, b: 2, c: true, sum: 3.5 },
      { a: 1.5, b: -1, c: false, sum: 0.5 },
    ]);
    await harness.close(true);
  });

  it('reports a signature that the columns do not fit, and a directory that is no SavedModel', async () => {
    const open = (savedModel: string) =>
      OperatorHarness.open({ schema: { x: t.vector(2), sum: t.float32() }, build: (input) => input.score({ savedModel }) as never });
    await assert.rejects(
      open(model.dir),
      (error: Error) =>
        /score: .*input 'x', which is float32\[\?, 3\], cannot be fed from 2 values per row/.test(error.message) &&
        /output 'sum' has the name of a column/.test(error.message),
    );
    await assert.rejects(open('/nowhere/at/all'), /score: SavedModel \/nowhere\/at\/all\/saved_model.pb: no such file/);
  });
});
