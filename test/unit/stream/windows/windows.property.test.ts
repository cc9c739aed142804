import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { t } from '../../../../src/memory/schema.js';
import type { DataStream } from '../../../../src/stream/data-stream.js';
import { count, max, sum } from '../../../../src/stream/windows/summary.js';
import { session, sliding, tumbling, type WindowSpec } from '../../../../src/stream/windows/window-spec.js';
import { OperatorHarness } from '../../../../src/testing/operator-harness.js';
import { showResult, WindowOracle, type OracleRow, type OracleStep, type OracleWindow } from './window-oracle.js';

type Row = { key: string; time: number; id: number };
type Result = { key: string; start: number; end: number; ids: number[] };

const schema = { key: t.string(), time: t.float64(), id: t.int32() };

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'ü'), time: fc.integer({ min: -20, max: 120 }) }) },
  { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: -20, max: 140 }) }) },
);
const steps: fc.Arbitrary<OracleStep[]> = fc
  .array(step, { maxLength: 60 })
  .map((list) => list.map((each, id) => ('watermark' in each ? each : { row: { ...each, id } })))
  .map((list) => [...list, { watermark: Infinity }]);

const aligned: fc.Arbitrary<OracleWindow> = fc.record({
  kind: fc.constant('aligned' as const),
  size: fc.integer({ min: 1, max: 24 }),
  slide: fc.integer({ min: 1, max: 24 }),
  lateness: fc.constantFrom(0, 0, 3, 30),
});
const sessions: fc.Arbitrary<OracleWindow> = fc.record({
  kind: fc.constant('session' as const),
  size: fc.integer({ min: 1, max: 12 }),
  slide: fc.constant(0),
  lateness: fc.constantFrom(0, 0, 3, 30),
});

function specOf({ kind, size, slide }: OracleWindow): WindowSpec {
  return kind === 'session' ? session(size) : size === slide ? tumbling(size) : sliding(size, slide);
}

type Build = (input: DataStream<Row>, window: OracleWindow) => DataStream<Result>;

const builds: Record<string, Build> = {
  'aggregate that merges': (input, window) =>
    input
      .keyBy('key')
      .window(specOf(window))
      .allowedLateness(window.lateness)
      .sideOutputLate('late')
      .aggregate<number[], Result>({
        create: () => [],
        add: (ids, row) => [...ids, row.id],
        merge: (into, other) => [...into, ...other],
        result: (ids, { key, start, end }) => ({ key, start, end, ids }),
      }),
  'process of a function key': (input, window) =>
    input
      .keyBy((row) => row.key)
      .window(specOf(window))
      .allowedLateness(window.lateness)
      .sideOutputLate('late')
      .process<Result>((rows, { key, start, end, emit }) => {
        emit({ key, start, end, ids: rows.map(({ id }) => id) });
      }),
};

const unmerged: Build = (input, window) =>
  input
    .keyBy('key')
    .window(specOf(window))
    .allowedLateness(window.lateness)
    .sideOutputLate('late')
    .aggregate<number[], Result>({
      reads: ['id'],
      create: () => [],
      add: (ids, row) => {
        ids.push(row.id);
        return ids;
      },
      result: (ids, { key, start, end }) => ({ key, start, end, ids: [...ids] }),
    });

/** Consecutive rows go as one batch, cut after `batchRows`. */
async function feed(harness: OperatorHarness<Row, unknown>, list: readonly OracleStep[], batchRows: number): Promise<void> {
  let rows: OracleRow[] = [];
  const flush = async (): Promise<void> => {
    if (rows.length > 0)
      await harness.push(
        rows,
        rows.map(({ time }) => time),
      );
    rows = [];
  };
  for (const each of list) {
    if ('row' in each) {
      rows.push(each.row);
      if (rows.length >= batchRows) await flush();
    } else {
      await flush();
      await harness.watermark(each.watermark);
    }
  }
  await flush();
}

function shown(harness: OperatorHarness<Row, Result>): string[] {
  for (const { row, time } of harness.records()) assert.equal(time, row.end - 1);
  return harness.rows().map(({ key, start, end, ids }) => showResult(key, start, end, ids));
}

/** Runs `list` against the oracle, with a restart at another parallelism at step `cutAt` where given. */
async function compare(
  build: Build,
  window: OracleWindow,
  list: readonly OracleStep[],
  options: { batchRows: number; cutAt?: number; parallelism?: number },
): Promise<void> {
  const oracle = new WindowOracle(window).run(list);
  let harness = await OperatorHarness.open<Row, Result>({ schema, parallelism: options.parallelism ?? 1, build: (input) => build(input, window) });
  const cutAt = Math.min(options.cutAt ?? list.length, list.length);
  await feed(harness, list.slice(0, cutAt), options.batchRows);
  if (options.cutAt !== undefined) harness = await harness.restart(options.parallelism === 3 ? 2 : 3);
  await feed(harness, list.slice(cutAt), options.batchRows);
  assert.deepEqual(shown(harness).sort(), [...oracle.results].sort());
  assert.deepEqual(
    harness
      .rows<Row>('late')
      .map(({ id }) => id)
      .sort((a, b) => a - b),
    oracle.late,
  );
}

const batchRows = fc.constantFrom(1, 3, 100);

describe('windows', () => {
  for (const [name, build] of Object.entries(builds)) {
    it(`equal Flink's, element by element: ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.oneof(aligned, sessions), steps, batchRows, async (window, list, rows) => compare(build, window, list, { batchRows: rows })),
        { numRuns: 300 },
      );
    });

    it(`are the same after a restart at another parallelism: ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.oneof(aligned, sessions), steps, batchRows, fc.nat(60), fc.constantFrom(1, 3), async (window, list, rows, cutAt, parallelism) =>
          compare(build, window, list, { batchRows: rows, cutAt, parallelism }),
        ),
        { numRuns: 200 },
      );
    });
  }

  it("equal Flink's for accumulators that cannot be merged", async () => {
    await fc.assert(
      fc.asyncProperty(aligned, steps, batchRows, fc.option(fc.nat(60), { nil: undefined }), async (window, list, rows, cutAt) =>
        compare(unmerged, window, list, { batchRows: rows, ...(cutAt === undefined ? {} : { cutAt }) }),
      ),
      { numRuns: 200 },
    );
  });

  it('summarize as aggregate does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(aligned, sessions), steps, batchRows, fc.nat(60), async (window, list, rows, cutAt) => {
        const oracle = new WindowOracle(window).run(list);
        let harness = await OperatorHarness.open<Row, { key: string; windowStart: Date; windowEnd: Date; n: number; total: number; last: number }>({
          schema,
          build: (input) =>
            input
              .keyBy('key')
              .window(specOf(window))
              .allowedLateness(window.lateness)
              .summarize({ n: count(), total: sum('id'), last: max('id') }),
        });
        await feed(harness, list.slice(0, cutAt), rows);
        harness = await harness.restart(3);
        await feed(harness, list.slice(cutAt), rows);
        const expected = oracle.results.map((line) => {
          const [head, ids] = line.split(' [') as [string, string];
          const numbers = ids.slice(0, -1).split(' ').map(Number);
          return `${head} ${numbers.length} ${numbers.reduce((a, b) => a + b)} ${Math.max(...numbers)}`;
        });
        const actual = harness.rows().map((row) => `${row.key} ${row.windowStart.getTime()}..${row.windowEnd.getTime()} ${row.n} ${row.total} ${row.last}`);
        assert.deepEqual(actual.sort(), expected.sort());
      }),
      { numRuns: 300 },
    );
  });
});
