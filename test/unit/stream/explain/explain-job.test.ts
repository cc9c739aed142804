import assert from 'node:assert/strict';
import { test } from 'node:test';
import { t } from '../../../../src/memory/schema.js';
import { buildGraph, defineJob, explainJob, formatExplanation, planJob } from '../../../../src/stream/index.js';
import { emptySink, emptySource } from '../test-connectors.js';

const flight = { date: t.timestamp(), delay: t.int32(), distance: t.int32(), origin: t.string(), destination: t.nullable(t.string()) };

const job = defineJob({
  name: 'flights',
  build: ({ source, env }) => {
    const flights = source(emptySource(flight, { name: 'parquet', maxParallelism: 1, notes: ['flights.parquet'] }), { time: 'date' });
    const run = { create: () => ({ open: () => undefined, process: () => undefined }) };
    const means = flights.transform(
      { kind: 'window', name: 'means', reads: [['delay']], schema: { origin: t.string(), mean: t.float32() }, parallelism: 2, notes: ['tumbling 3 h'], ...run },
      { kind: 'hash', key: { columns: ['origin'] } },
    );
    const rows = means.transform<{ text: string }>({ kind: 'map', schema: undefined, copies: ['an object for each record'], parallelism: 2, ...run });
    rows.to(emptySink({ name: 'console', maxParallelism: 1 }));
    flights.deadLetters.to(emptySink({ name: 'bad.jsonl' }));
    const server = env.add({ kind: 'role', name: 'ps', role: 'ps', schema: undefined, ...run });
    env.scope.builder.connect(server.node, 0, { from: flights.node, exchange: { kind: 'control' } });
  },
});
const explained = explainJob('flights', planJob(buildGraph(job, {}), { parallelism: 1, keyGroups: 128, overrides: {} }));

test('the explanation says what runs in processes and which exchanges are sockets', () => {
  const { nodes, edges, problems } = buildGraph(job, {});
  const isolated = nodes.map((node) => ({ ...node, isolation: node.role === 'ps' ? ('process' as const) : node.isolation }));
  const inProcess = explainJob('flights', planJob({ nodes: isolated, edges, problems }, { parallelism: 1, keyGroups: 128, overrides: {} }));
  assert.deepEqual(
    inProcess.exchanges.map(({ to, copies }) => [to, copies.includes('through a socket')]),
    [
      ['means', false],
      ['console', false],
      ['ps', true],
    ],
  );
  assert.match(formatExplanation(inProcess), /each subtask in a process of its own/);
  assert.doesNotMatch(formatExplanation(explained), /process of its own|socket/);
});

test('the explanation is JSON that names columns, exchanges and copies', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(explained.exchanges)), [
    {
      from: 'parquet-times',
      to: 'means',
      fromChain: 1,
      toChain: 2,
      exchange: 'hash(origin)',
      channelCount: 2,
      columns: ['delay', 'origin'],
      dropped: ['date', 'distance', 'destination'],
      copies: ['gathered by target', 'copied as columns'],
    },
    { from: 'map', to: 'console', fromChain: 2, toChain: 3, exchange: 'rebalance', channelCount: 2, dropped: [], copies: ['serialized object by object'] },
    {
      from: 'parquet-times',
      to: 'ps',
      fromChain: 1,
      toChain: 4,
      exchange: 'control',
      channelCount: 1,
      dropped: [],
      copies: ['barriers, watermarks and the end only'],
    },
  ]);
  assert.deepEqual(
    explained.chains.flatMap((chain) => chain.operators.map(({ name, isColumnar }) => [chain.id, name, isColumnar])),
    [
      [1, 'parquet', true],
      [1, 'parquet times', true],
      [1, 'bad.jsonl', undefined],
      [2, 'means', true],
      [2, 'map', false],
      [3, 'console', undefined],
      [4, 'ps', false],
    ],
  );
});

test('the text shows chains, types, exchanges and warnings within its width', () => {
  const text = formatExplanation(explained, 80);
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
  assert.equal(
    text.replace(/plan [0-9a-f]{12}/, 'plan #'),
    `flights: 7 operators in 4 chains, 5 subtasks, 128 key groups; plan #

 1  parquet → parquet times → bad.jsonl                                      × 1
    ────────────────────────────────────────────────────────────────────────────
    parquet        source      columns {date: timestamp, delay: int32,
                               distance: int32, origin: string,
                               destination: string?}
                               flights.parquet; bounded; at most 1 subtask
                               side output: dead-letters
    parquet times  timestamps  columns as they came
                               event time: date; in order
    bad.jsonl      sink        reads parquet [dead-letters]
    ├─ hash(origin) ─▶ 2 means, 2 channels
    │     2 of 5 columns: delay, origin; gathered by target; copied as columns
    └─ control ─▶ 4 ps, 1 channel
          barriers, watermarks and the end only

 2  means → map                                                              × 2
    ────────────────────────────────────────────────────────────────────────────
    means  window  columns {origin: string, mean: float32}
                   tumbling 3 h
    map    map     objects without a schema
                   copies: an object for each record
    └─ rebalance ─▶ 3 console, 2 channels
          serialized object by object

 3  console                                                                  × 1
    ────────────────────────────────────────────────────────────────────────────
    console  sink  at most 1 subtask

 4  ps                                                                       × 1
    ────────────────────────────────────────────────────────────────────────────
    ps  role ps  objects without a schema

Warnings
  ! map: its rows have no schema and are serialized one by one on the way to
    console; declare columns with map(schema, fn) or with(...) to send them as
    they are
`,
  );
});
