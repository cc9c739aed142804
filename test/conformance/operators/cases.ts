import { t } from '../../../src/memory/schema.js';
import { count, int32, listState, max, mean, min, session, sliding, sum, tumbling, valueState } from '../../../src/stream/index.js';
import { each, rowsOf, type Event, type OperatorCase, type Output, type Row } from './operator-case.js';

/** Rows by key, in order. */
function byKey(events: readonly Event[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rowsOf(events)) groups.set(row.key, [...(groups.get(row.key) ?? []), row]);
  return groups;
}

interface PlainWindow {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly rows: Row[];
}

/** What fires of windows without lateness: each once, with the rows that came before its end had passed. */
function plainWindows(events: readonly Event[], windowsOf: (time: number) => readonly { start: number; end: number }[]): { fired: PlainWindow[]; late: Row[] } {
  const open = new Map<string, PlainWindow>();
  const late: Row[] = [];
  let watermark = -Infinity;
  for (const event of events) {
    if ('watermark' in event) {
      watermark = Math.max(watermark, event.watermark);
      continue;
    }
    const { row } = event;
    const windows = windowsOf(row.at.getTime()).filter(({ end }) => end - 1 > watermark);
    if (windows.length === 0) late.push(row);
    for (const { start, end } of windows) {
      const id = `${row.key} ${start}`;
      const held = open.get(id) ?? { key: row.key, start, end, rows: [] };
      held.rows.push(row);
      open.set(id, held);
    }
  }
  return { fired: [...open.values()], late };
}

const tumbles = (time: number): { start: number; end: number }[] => [{ start: Math.floor(time / 50) * 50, end: Math.floor(time / 50) * 50 + 50 }];

function slides(time: number): { start: number; end: number }[] {
  const windows = [];
  for (let start = Math.floor(time / 20) * 20; start > time - 50; start -= 20) windows.push({ start, end: start + 50 });
  return windows;
}

function plainSessions({ events }: { readonly events: readonly Event[] }): Output[] {
  const outputs: Output[] = [];
  let open: { key: string; start: number; end: number; n: number }[] = [];
  let watermark = -Infinity;
  for (const event of events) {
    if ('watermark' in event) {
      watermark = Math.max(watermark, event.watermark);
      for (const { key, start, end, n } of open) if (end - 1 <= watermark) outputs.push({ row: { key, length: end - start, n }, time: end - 1 });
      open = open.filter(({ end }) => end - 1 > watermark);
      continue;
    }
    const { key, at } = event.row;
    const made = { key, start: at.getTime(), end: at.getTime() + 7, n: 1 };
    const touching = open.filter((held) => held.key === key && held.start <= made.end && held.end >= made.start);
    if (touching.length === 0 && made.end - 1 <= watermark) continue;
    for (const held of touching) {
      made.start = Math.min(made.start, held.start);
      made.end = Math.max(made.end, held.end);
      made.n += held.n;
    }
    open = [...open.filter((held) => !touching.includes(held)), made];
  }
  return outputs;
}

const total = (rows: readonly Row[]): number => rows.reduce((soFar, { value }) => soFar + value, 0);

const keyedProcess: OperatorCase = {
  method: 'KeyedStream.process',
  what: 'state, event-time timers and a side output',
  build: (input) =>
    input.keyBy('key').process(
      { key: t.string(), count: t.int32(), sum: t.int32() },
      {
        state: { count: valueState(0), values: listState<number>() },
        sideOutputs: { negative: { value: t.int32() } },
        reads: ['value'],
        process({ value }, ctx) {
          ctx.state.count.value += 1;
          ctx.state.values.add(value);
          if (value < 0) ctx.sideOutput('negative', { value });
          if (ctx.timestamp !== undefined && ctx.timestamp > ctx.watermark) ctx.timers.registerEventTime(ctx.timestamp);
        },
        onTimer(_, ctx) {
          ctx.emit({ key: ctx.key, count: ctx.state.count.value, sum: ctx.state.values.get().reduce((a, b) => a + b, 0) });
        },
      },
    ),
  plain: ({ events }) => {
    const outputs: Output[] = [];
    const state = new Map<string, { count: number; sum: number; timers: Set<number> }>();
    let watermark = -Infinity;
    for (const event of events) {
      if ('row' in event) {
        const { key, value, at } = event.row;
        const held = state.get(key) ?? { count: 0, sum: 0, timers: new Set<number>() };
        state.set(key, held);
        held.count += 1;
        held.sum += value;
        if (at.getTime() > watermark) held.timers.add(at.getTime());
      } else {
        watermark = Math.max(watermark, event.watermark);
        for (const [key, held] of state) {
          for (const time of [...held.timers].filter((timer) => timer <= watermark)) {
            held.timers.delete(time);
            outputs.push({ row: { key, count: held.count, sum: held.sum }, time });
          }
        }
      }
    }
    return outputs;
  },
  sides: { negative: each(({ value }) => (value < 0 ? [{ value }] : [])) },
};

const keyed: readonly OperatorCase[] = [
  keyedProcess,
  {
    method: 'KeyedStream.reduce',
    what: 'a running sum',
    build: (input) => input.keyBy('key').reduce((a, b) => ({ ...b, value: a.value + b.value })),
    plain: ({ events }) =>
      [...byKey(events).values()].flatMap((rows) => rows.map((row, i) => ({ row: { ...row, value: total(rows.slice(0, i + 1)) }, time: row.at.getTime() }))),
  },
  {
    method: 'KeyedStream.window',
    what: 'several columns as key, one of them nullable',
    build: (input) =>
      input
        .keyBy(['part', 'key'])
        .window(tumbling(50))
        .aggregate(
          { part: t.nullable(t.int32()), key: t.string(), n: t.int32() },
          { create: () => 0, add: (n) => n + 1, merge: (a, b) => a + b, result: (n, { key: [part, key] }) => ({ part, key, n }) },
        ),
    plain: ({ events }) => {
      const parts = new Map<string, Row[]>();
      const { fired } = plainWindows(events, tumbles);
      return fired.flatMap(({ key, end, rows }) => {
        parts.clear();
        for (const row of rows) parts.set(String(row.part), [...(parts.get(String(row.part)) ?? []), row]);
        return [...parts.values()].map((group) => ({ row: { part: group[0]?.part, key, n: group.length }, time: end - 1 }));
      });
    },
  },
  {
    method: 'DataStream.keyBy',
    what: 'a key made by a function',
    build: (input) => input.keyBy((row) => row.value % 3 === 0).reduce((a, b) => ({ ...b, value: a.value + b.value })),
    plain: ({ events }) =>
      [true, false].flatMap((isThird) => {
        const rows = rowsOf(events).filter(({ value }) => (value % 3 === 0) === isThird);
        return rows.map((row, i) => ({ row: { ...row, value: total(rows.slice(0, i + 1)) }, time: row.at.getTime() }));
      }),
  },
];

const windowed: readonly OperatorCase[] = [
  {
    method: 'WindowedStream.reduce',
    what: 'sliding windows',
    build: (input) =>
      input
        .select('key', 'value')
        .keyBy('key')
        .window(sliding(50, 20))
        .reduce((a, b) => ({ key: a.key, value: a.value + b.value })),
    plain: ({ events }) => plainWindows(events, slides).fired.map(({ key, end, rows }) => ({ row: { key, value: total(rows) }, time: end - 1 })),
  },
  {
    method: 'WindowedStream.aggregate',
    what: 'sliding windows without a merge',
    build: (input) =>
      input
        .keyBy('key')
        .window(sliding(50, 20))
        .aggregate(
          { key: t.string(), start: t.int64(), sum: t.float64() },
          { reads: ['value'], create: () => 0, add: (soFar, { value }) => soFar + value, result: (sumOf, { key, start }) => ({ key, start, sum: sumOf }) },
        ),
    plain: ({ events }) => plainWindows(events, slides).fired.map(({ key, start, end, rows }) => ({ row: { key, start, sum: total(rows) }, time: end - 1 })),
  },
  {
    method: 'WindowedStream.process',
    what: 'all rows of a window, and its late ones at the side',
    build: (input) =>
      input
        .keyBy('key')
        .window(tumbling(50))
        .sideOutputLate('late')
        .process({ key: t.string(), values: t.list() }, (rows, { key, emit }) => {
          emit({ key, values: rows.map(({ value }) => value).sort((a, b) => a - b) });
        }),
    plain: ({ events }) =>
      plainWindows(events, tumbles).fired.map(({ key, end, rows }) => ({
        row: { key, values: rows.map(({ value }) => value).sort((a, b) => a - b) },
        time: end - 1,
      })),
    sides: { late: ({ events }) => plainWindows(events, tumbles).late.map((row) => ({ row, time: row.at.getTime() })) },
  },
  {
    method: 'WindowedStream.sideOutputLate',
    what: 'late rows of gapped windows',
    build: (input) =>
      input
        .keyBy('key')
        .window(tumbling(50))
        .sideOutputLate('late')
        .reduce((a) => a)
        .sideOutput('late'),
    plain: ({ events }) => plainWindows(events, tumbles).late.map((row) => ({ row, time: row.at.getTime() })),
  },
  {
    method: 'WindowedStream.allowedLateness',
    what: 'a window fires again for each late row',
    build: (input) =>
      input
        .keyBy('key')
        .window(tumbling(50))
        .allowedLateness(1000)
        .aggregate({ key: t.string(), n: t.int32() }, { create: () => 0, add: (n) => n + 1, result: (n, { key }) => ({ key, n }) }),
    plain: ({ events }) => {
      const outputs: Output[] = [];
      const counts = new Map<string, { key: string; end: number; n: number }>();
      let watermark = -Infinity;
      for (const event of events) {
        if ('row' in event) {
          const [window] = tumbles(event.row.at.getTime());
          const end = window?.end ?? NaN;
          const held = counts.get(`${event.row.key} ${end}`) ?? { key: event.row.key, end, n: 0 };
          held.n += 1;
          counts.set(`${event.row.key} ${end}`, held);
          if (end - 1 <= watermark) outputs.push({ row: { key: held.key, n: held.n }, time: end - 1 });
        } else {
          for (const { key, end, n } of counts.values())
            if (end - 1 > watermark && end - 1 <= event.watermark) outputs.push({ row: { key, n }, time: end - 1 });
          watermark = Math.max(watermark, event.watermark);
        }
      }
      return outputs;
    },
  },
  {
    method: 'WindowedStream.aggregate',
    what: 'session windows',
    build: (input) =>
      input
        .keyBy('key')
        .window(session(7))
        .aggregate(
          { key: t.string(), length: t.int64(), n: t.int32() },
          { create: () => 0, add: (n) => n + 1, merge: (a, b) => a + b, result: (n, { key, start, end }) => ({ key, length: end - start, n }) },
        ),
    plain: plainSessions,
  },
];

/** Needs columns, so there is no row path. */
const summarizeCase: OperatorCase = {
  method: 'WindowedStream.summarize',
  what: 'every summary, over tumbling windows',
  build: (input) =>
    input
      .keyBy('key')
      .window(tumbling(50))
      .summarize({ n: count(), parts: count('part'), total: sum('value'), mean: mean('value'), least: min('value'), most: max('value') }),
  plain: ({ events }) =>
    plainWindows(events, tumbles).fired.map(({ key, start, end, rows }) => {
      const values = rows.map(({ value }) => value);
      const parts = rows.filter(({ part }) => part !== null).length;
      return {
        row: {
          key,
          windowStart: new Date(start),
          windowEnd: new Date(end),
          n: rows.length,
          parts,
          total: total(rows),
          mean: total(rows) / rows.length,
          least: Math.min(...values),
          most: Math.max(...values),
        },
        time: end - 1,
      };
    }),
};

const perRecord: readonly OperatorCase[] = [
  {
    method: 'DataStream.map',
    what: 'with a schema',
    build: (input) =>
      input.map({ key: t.string(), double: t.int32(), part: t.nullable(t.int32()) }, ({ key, value, part }) => ({ key, double: value * 2, part })),
    plain: each(({ key, value, part }) => [{ key, double: value * 2, part }]),
  },
  {
    method: 'DataStream.map',
    what: 'to objects',
    build: (input) => input.map(({ key, note }) => ({ key, note })),
    plain: each(({ key, note }) => [{ key, note }]),
  },
  {
    method: 'DataStream.map',
    what: 'failing records to the dead letters',
    build: (input) => input.map({ value: t.int32() }, refuseNegative, { onError: 'deadLetter' }),
    plain: each(({ value }) => (value < 0 ? [] : [{ value }])),
  },
  {
    method: 'DataStream.flatMap',
    what: 'none, one or two records of one',
    build: (input) => input.flatMap({ value: t.int32() }, ({ value }) => (value < 0 ? [] : value === 0 ? [{ value }] : [{ value }, { value: -value }])),
    plain: each(({ value }) => (value < 0 ? [] : value === 0 ? [{ value }] : [{ value }, { value: -value }])),
  },
  {
    method: 'DataStream.filter',
    what: 'by a nullable column',
    build: (input) => input.filter(({ part }) => part !== null && part > 0),
    plain: each((row) => (row.part !== null && row.part > 0 ? [row] : [])),
  },
];

function refuseNegative({ value }: Row): { value: number } {
  if (value < 0) throw new Error('negative');
  return { value };
}

/** Needs columns, so there is no row path. */
const withCase: OperatorCase = {
  method: 'DataStream.with',
  what: 'a column added and one replaced',
  build: (input) => input.select('key', 'value').with({ half: int32(({ value }) => Math.trunc(value / 2)), value: int32(({ value }) => value + 1) }),
  plain: each(({ key, value }) => [{ key, value: value + 1, half: Math.trunc(value / 2) }]),
};

/** The number and the sum of the rows of a key before this one. */
const keyedWithCase: OperatorCase = {
  method: 'KeyedStream.with',
  what: 'two columns from what the key has seen so far',
  build: (input) =>
    input
      .select('key', 'value')
      .keyBy('key')
      .with(
        { seen: t.int32(), sum: t.nullable(t.float64()) },
        {
          state: { past: valueState(() => ({ seen: 0, sum: 0 })) },
          derive({ value }, { state }) {
            const past = state.past.value;
            const columns = { seen: past.seen, sum: past.seen === 0 ? null : past.sum };
            past.seen++;
            past.sum += value;
            return columns;
          },
        },
      ),
  plain: ({ events }) =>
    [...byKey(events).values()].flatMap((rows) =>
      rows.map(({ key, value, at }, i) => ({ row: { key, value, seen: i, sum: i === 0 ? null : total(rows.slice(0, i)) }, time: at.getTime() })),
    ),
};

const exchanges: readonly OperatorCase[] = [
  {
    method: 'DataStream.select',
    what: 'two columns',
    build: (input) => input.select('key', 'note'),
    plain: each(({ key, note }) => [{ key, note }]),
  },
  {
    method: 'DataStream.union',
    what: 'two streams',
    inputs: 2,
    build: (input, second) => input.union(second),
    plain: each((row) => [row, row]),
  },
  {
    method: 'DataStream.rebalance',
    what: 'before an operator',
    build: (input) =>
      input
        .rebalance()
        .keyBy('key')
        .reduce((_, row) => row),
    plain: each((row) => [row]),
  },
  { method: 'DataStream.forward', what: 'before an operator', build: (input) => input.forward().select('key'), plain: each(({ key }) => [{ key }]) },
  {
    method: 'DataStream.broadcast',
    what: 'every subtask gets every row',
    build: (input) => input.broadcast().select('key'),
    plain: (given) => each(({ key }) => Array.from({ length: given.parallelism }, () => ({ key })))(given),
  },
];

/** Methods that need a schema: their cases have no row path. */
export const columnsOnly: ReadonlySet<string> = new Set(['DataStream.with', 'KeyedStream.with', 'WindowedStream.summarize']);

export const cases: readonly OperatorCase[] = [...perRecord, withCase, keyedWithCase, ...exchanges, ...keyed, ...windowed, summarizeCase];
