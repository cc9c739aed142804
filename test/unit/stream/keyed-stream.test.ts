import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { t } from '../../../src/memory/schema.js';
import type { DataStream } from '../../../src/stream/data-stream.js';
import { listState, mapState, valueState } from '../../../src/stream/state/descriptors.js';
import { tumbling } from '../../../src/stream/windows/window-spec.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { OperatorHarness } from '../../../src/testing/operator-harness.js';

type Row = { key: string; value: number };
const schema = { key: t.string(), value: t.int32() };

const counts = (input: DataStream<Row>): DataStream<{ key: string; n: number }> =>
  input.keyBy('key').process(
    { key: t.string(), n: t.int32() },
    {
      state: { n: valueState(0) },
      process(_, ctx) {
        ctx.state.n.value += 1;
        ctx.emit({ key: ctx.key, n: ctx.state.n.value });
      },
    },
  );

describe('a keyed process function', () => {
  it('sees the state of the row’s key and emits with its event time', async () => {
    const harness = await OperatorHarness.open({ schema, build: counts });
    await harness.push(
      [
        { key: 'a', value: 1 },
        { key: 'b', value: 1 },
        { key: 'a', value: 1 },
      ],
      [10, 20, 30],
    );
    assert.deepEqual(harness.records(), [
      { row: { key: 'a', n: 1 }, time: 10 },
      { row: { key: 'b', n: 1 }, time: 20 },
      { row: { key: 'a', n: 2 }, time: 30 },
    ]);
  });

  it('keeps values, lists and maps, and forgets them on clear', async () => {
    const harness = await OperatorHarness.open<Row, { value: { n: number } | undefined; list: number[]; map: [string, number][] }>({
      build: (input) =>
        input.keyBy('key').process({
          state: { value: valueState(() => ({ n: 0 })), list: listState<number>(), map: mapState<string, number>() },
          process(row, ctx) {
            const { value, list, map } = ctx.state;
            if (row.value < 0) {
              value.clear();
              list.clear();
              map.clear();
            } else {
              value.value.n += row.value;
              list.add(row.value);
              map.set(`v${row.value}`, row.value);
            }
            ctx.emit({ value: { ...value.value }, list: [...list.get()], map: [...map.entries()] });
          },
        }),
    });
    await harness.push([
      { key: 'a', value: 1 },
      { key: 'a', value: 2 },
      { key: 'b', value: 5 },
      { key: 'a', value: -1 },
    ]);
    assert.deepEqual(harness.rows(), [
      { value: { n: 1 }, list: [1], map: [['v1', 1]] },
      {
        value: { n: 3 },
        list: [1, 2],
        map: [
          ['v1', 1],
          ['v2', 2],
        ],
      },
      { value: { n: 5 }, list: [5], map: [['v5', 5]] },
      { value: { n: 0 }, list: [], map: [] },
    ]);
  });

  it('gets event-time timers when the watermark reaches them, in order, also those registered meanwhile', async () => {
    const harness = await OperatorHarness.open<Row, { key: string; at: number }>({
      build: (input) =>
        input.keyBy('key').process({
          process(row, ctx) {
            ctx.timers.registerEventTime(row.value);
            ctx.timers.registerEventTime(row.value);
            if (row.value === 7) ctx.timers.deleteEventTime(5);
          },
          onTimer(at, ctx) {
            ctx.emit({ key: ctx.key, at });
            if (at === 10) ctx.timers.registerEventTime(11);
          },
        }),
    });
    await harness.push([
      { key: 'a', value: 10 },
      { key: 'b', value: 3 },
      { key: 'a', value: 5 },
      { key: 'a', value: 7 },
    ]);
    await harness.watermark(9);
    assert.deepEqual(harness.records(), [
      { row: { key: 'b', at: 3 }, time: 3 },
      { row: { key: 'a', at: 7 }, time: 7 },
    ]);
    await harness.watermark(11);
    assert.deepEqual(harness.rows().slice(2), [
      { key: 'a', at: 10 },
      { key: 'a', at: 11 },
    ]);
  });

  it('gets processing-time timers by the clock, and those still pending at the end of input', async () => {
    const clock = new ManualClock(1000);
    const harness = await OperatorHarness.open<Row, { key: string; at: number }>({
      clock,
      build: (input) =>
        input.keyBy('key').process({
          process: (row, ctx) => {
            ctx.timers.registerProcessingTime(ctx.timers.now + row.value);
          },
          onTimer: (at, ctx) => {
            assert.equal(ctx.timeDomain, 'processing');
            ctx.emit({ key: ctx.key, at });
            ctx.timers.registerProcessingTime(at + 10_000);
          },
        }),
    });
    await harness.push([
      { key: 'a', value: 50 },
      { key: 'b', value: 20 },
    ]);
    await harness.advanceClock(19);
    assert.deepEqual(harness.rows(), []);
    await harness.advanceClock(1);
    assert.deepEqual(harness.rows(), [{ key: 'b', at: 1020 }]);
    await harness.advanceClock(100);
    assert.deepEqual(harness.rows().slice(1), [{ key: 'a', at: 1050 }]);
    await harness.end();
    assert.deepEqual(harness.rows().slice(2), [
      { key: 'b', at: 11_020 },
      { key: 'a', at: 11_050 },
    ]);
  });

  it('writes to declared side outputs', async () => {
    const harness = await OperatorHarness.open<Row, Row>({
      schema,
      build: (input) =>
        input.keyBy('key').process(schema, {
          sideOutputs: { odd: { value: t.int32() } },
          process(row, ctx) {
            if (row.value % 2 === 0) ctx.emit(row);
            else ctx.sideOutput('odd', { value: row.value });
          },
        }),
    });
    await harness.push([
      { key: 'a', value: 1 },
      { key: 'a', value: 2 },
    ]);
    assert.deepEqual(harness.rows(), [{ key: 'a', value: 2 }]);
    assert.deepEqual(harness.rows('odd'), [{ value: 1 }]);
  });

  it('sees a timestamp key as a Date and the key of several columns as an array', async () => {
    const harness = await OperatorHarness.open<{ day: Date; n: number }, { key: unknown[] }>({
      schema: { day: t.timestamp(), n: t.int32() },
      build: (input) => input.keyBy(['day', 'n']).process({ process: (_, ctx) => ctx.emit({ key: [...ctx.key] }) }),
    });
    await harness.push([{ day: new Date(5), n: 1 }]);
    assert.deepEqual(harness.rows(), [{ key: [new Date(5), 1] }]);
  });

  it('fails with the operator, the key and the cause where the function throws or is asynchronous', async () => {
    const failing = await OperatorHarness.open<Row, Row>({
      schema,
      build: (input) =>
        input
          .keyBy('key')
          .process(schema, {
            process() {
              throw new Error('no luck');
            },
          })
          .as({ name: 'lucky' }),
    });
    await assert.rejects(failing.push([{ key: 'a', value: 1 }], [0]), {
      code: 'USER_FUNCTION',
      message: 'lucky: process threw for key a at 1970-01-01T00:00:00.000Z: no luck',
    });
    const asynchronous = await OperatorHarness.open<Row, Row>({
      schema,
      build: (input) => input.keyBy('key').process(schema, { process: () => Promise.resolve() as unknown as undefined }),
    });
    await assert.rejects(asynchronous.push([{ key: 'a', value: 1 }]), /it returned a promise/);
  });

  it('has the same results after a restart at any parallelism', async () => {
    const row = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'ü', ''), value: fc.integer({ min: -3, max: 40 }) });
    const build = (input: DataStream<Row>): DataStream<{ key: string; text: string }> =>
      input.keyBy('key').process({
        state: { seen: listState<number>(), sums: mapState<string, number>(), last: valueState(() => ({ at: NaN })) },
        process(each, ctx) {
          const { seen, sums, last } = ctx.state;
          if (each.value < 0) seen.clear();
          else seen.add(each.value);
          last.value.at = each.value;
          sums.set(`m${each.value % 3}`, (sums.get(`m${each.value % 3}`) ?? 0) + each.value);
          ctx.timers.registerEventTime(each.value);
          ctx.emit({ key: ctx.key, text: JSON.stringify([seen.get(), [...sums.entries()], last.value, ctx.watermark]) });
        },
        onTimer(time, ctx) {
          ctx.emit({ key: ctx.key, text: `timer ${time} ${ctx.state.seen.get().length}` });
        },
      });
    const run = async (rows: readonly Row[], cutAt: number | undefined): Promise<string[]> => {
      let harness = await OperatorHarness.open<Row, { key: string; text: string }>({ schema, build });
      for (const [i, each] of rows.entries()) {
        if (i === cutAt) harness = await harness.restart(3);
        if (i % 5 === 4) await harness.watermark(i);
        else await harness.push([each]);
      }
      await harness.end();
      return harness
        .rows()
        .map(({ key, text }) => `${key} ${text}`)
        .sort();
    };
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 40 }), fc.nat(40), async (rows, cutAt) => {
        assert.deepEqual(await run(rows, cutAt), await run(rows, undefined));
      }),
    );
  });

  it('refuses state that it no longer declares', async () => {
    const harness = await OperatorHarness.open({ schema, build: counts });
    await harness.push([{ key: 'a', value: 1 }]);
    const restored = await harness.snapshot();
    const open = OperatorHarness.open<Row, Row>({ schema, restored, build: (input) => input.keyBy('key').process(schema, { process: () => undefined }) });
    await assert.rejects(open, { code: 'STATE_INVALID', message: /the restored state has n, which/ });
  });
});

describe('KeyedStream', () => {
  it('reduces to a running result per key', async () => {
    const harness = await OperatorHarness.open<Row, Row>({
      schema,
      build: (input) => input.keyBy('key').reduce((a, b) => ({ key: a.key, value: a.value + b.value })),
    });
    await harness.push([
      { key: 'a', value: 1 },
      { key: 'b', value: 10 },
      { key: 'a', value: 2 },
    ]);
    assert.deepEqual(harness.rows(), [
      { key: 'a', value: 1 },
      { key: 'b', value: 10 },
      { key: 'a', value: 3 },
    ]);
  });

  it('reports every problem of keys and windows before anything runs', async () => {
    const wrong = OperatorHarness.open<{ key: string; tags: number[] }, unknown>({
      schema: { key: t.string(), tags: t.list() },
      build: (input) => {
        input.keyBy('nope' as 'key').reduce((a) => a);
        input.keyBy('tags' as never).reduce((a) => a);
        return input
          .keyBy('key')
          .window(tumbling('3 parsecs'))
          .allowedLateness('soon')
          .reduce((a) => a);
      },
    });
    await assert.rejects(wrong, (error: Error) => {
      assert.match(error.message, /keyBy: there is no column 'nope'; there are: key, tags/);
      assert.match(error.message, /column 'tags' is list and cannot be a key/);
      assert.match(error.message, /window: tumbling window: size: not a duration/);
      assert.match(error.message, /allowedLateness: not a duration/);
      return true;
    });
  });
});

describe('processing-time windows', () => {
  it('take rows by the clock, fire at their end, and at the end of input', async () => {
    const clock = new ManualClock(1005);
    const harness = await OperatorHarness.open<Row, { key: string; start: number; n: number }>({
      schema,
      clock,
      build: (input) =>
        input
          .keyBy('key')
          .window(tumbling(10, { time: 'processing' }))
          .aggregate<number, { key: string; start: number; n: number }>({
            create: () => 0,
            add: (n) => n + 1,
            result: (n, { key, start }) => ({ key, start, n }),
          }),
    });
    await harness.push([
      { key: 'a', value: 1 },
      { key: 'a', value: 1 },
    ]);
    await harness.advanceClock(4);
    assert.deepEqual(harness.rows(), []);
    await harness.advanceClock(1);
    assert.deepEqual(harness.records(), [{ row: { key: 'a', start: 1000, n: 2 }, time: 1009 }]);
    await harness.push([{ key: 'b', value: 1 }]);
    await harness.end();
    assert.deepEqual(harness.rows().slice(1), [{ key: 'b', start: 1010, n: 1 }]);
  });
});
