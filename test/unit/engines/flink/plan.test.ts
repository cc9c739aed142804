import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planForFlink, type FlinkPlanSettings } from '../../../../src/engines/flink/plan.js';
import { t } from '../../../../src/memory/schema.js';
import { buildGraph, defineJob, describeGraph, planJob, type JobGraph, type RestartStrategy } from '../../../../src/stream/index.js';
import { restartStrategy, type RestartSettings } from '../../../../src/stream/restart-options.js';
import { emptySink, emptySource } from '../../stream/test-connectors.js';

const run = { create: () => ({ open: () => undefined, process: () => undefined }) };

const job = defineJob({
  name: 'flights',
  build: ({ source, env }) => {
    const flights = source(emptySource({ date: t.timestamp(), delay: t.int32(), origin: t.string() }, { maxParallelism: 1 }), { time: 'date' });
    const means = flights.transform(
      { kind: 'window', name: 'means', schema: { origin: t.string(), mean: t.float32() }, parallelism: 2, ...run },
      { kind: 'hash', key: { columns: ['origin'] } },
    );
    means.transform({ kind: 'score', name: 'score', schema: undefined, startsChain: true, parallelism: 2, ...run }).to(emptySink());
    const server = env.add({ kind: 'role', name: 'ps', role: 'ps', schema: undefined, isolation: 'process', ...run });
    env.scope.builder.connect(server.node, 0, { from: flights.node, exchange: { kind: 'control' } });
  },
});
const graph: JobGraph = planJob(buildGraph(job, {}), { parallelism: 2, keyGroups: 64, overrides: {} });
const settings: FlinkPlanSettings = {
  millrace: '1.2.3',
  job: { name: 'flights', id: 'flights-1' },
  bundle: { hash: 'abc', source: '/jobs/flights.ts' },
  params: { input: 'flights.parquet' },
  parallelism: 2,
  overrides: {},
  host: { node: 'node', entry: '/opt/millrace/main.js', options: [], env: {}, startTimeoutMs: 60_000, closeTimeoutMs: 5_000, lingerMs: 10_000 },
  options: { batchRows: 1024, flushIntervalMs: 5 },
};

function configured(more: Partial<FlinkPlanSettings>): Readonly<Record<string, string>> {
  return planForFlink(graph, { ...settings, ...more }).configuration;
}

test('each chain is a vertex and each exchange between chains an edge', () => {
  const { vertices, edges, keyGroups, fingerprint } = planForFlink(graph, settings);
  assert.deepEqual(vertices, [
    { id: 0, uid: 'list', name: 'list -> list times', parallelism: 1, role: null, isolation: 'thread', slotSharingGroup: 'default' },
    { id: 1, uid: 'means', name: 'means', parallelism: 2, role: null, isolation: 'thread', slotSharingGroup: 'default' },
    { id: 2, uid: 'score', name: 'score -> collect', parallelism: 2, role: null, isolation: 'thread', slotSharingGroup: 'default' },
    { id: 3, uid: 'ps', name: 'ps', parallelism: 2, role: 'ps', isolation: 'process', slotSharingGroup: 'default' },
  ]);
  assert.deepEqual(
    edges.map(({ from, to, exchange }) => [from, to, exchange]),
    [
      [0, 1, 'target'],
      [1, 2, 'forward'],
      [0, 3, 'target'],
    ],
  );
  assert.deepEqual(
    edges.map(({ id }) => id),
    graph.edges.map(({ id }) => id),
  );
  assert.deepEqual([keyGroups, fingerprint], [64, graph.fingerprint]);
});

test('the plan is JSON and holds what a host needs to plan the graph again', () => {
  const reports = { host: '127.0.0.1', port: 4000, token: 'secret' };
  const plan = planForFlink(graph, { ...settings, reports });
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
  const { job: of, bundle, params, parallelism, overrides } = settings;
  assert.deepEqual(plan.task, {
    ...{ job: of, bundle, params, parallelism, overrides, reports },
    keyGroups: 64,
    fingerprint: graph.fingerprint,
    description: describeGraph(graph),
    options: settings.options,
  });
  assert.equal('reports' in planForFlink(graph, settings).task, false);
});

test('nodes that may be replaced alone have the limits of their role, and the edge that they read', () => {
  const training = defineJob({
    name: 'training',
    build: ({ source, env }) => {
      const batches = source(emptySource({ x: t.float32() }, { maxParallelism: 1 }));
      const resumes = { isExact: true, sameColumns: [] };
      const worker = env.add({ kind: 'role', name: 'worker', role: 'worker', schema: undefined, parallelism: 2, resumes, ...run });
      env.scope.builder.connect(worker.node, 0, { from: batches.node, exchange: { kind: 'rebalance' } });
    },
  });
  const planned = planJob(buildGraph(training, {}), { parallelism: 2, keyGroups: 64, overrides: {} });
  const otherwise = restartStrategy.parse({ strategy: 'exponentialBackoff', attempts: 5 });
  const restartsOf = (roles: RestartSettings['roles']) =>
    planForFlink(planned, { ...settings, restart: { otherwise, roles } }).vertices.map(({ restarts }) => restarts);
  const limits = { role: 'worker', edge: 0, failures: 5, quietMs: 60_000, slides: false, delayMs: 100, factor: 2, maxDelayMs: 30_000 };
  assert.deepEqual(restartsOf({}), [undefined, limits]);
  const rate = { ...limits, failures: 2, quietMs: 1_000, slides: true, delayMs: 10, factor: 1, maxDelayMs: 10 };
  assert.deepEqual(restartsOf({ worker: restartStrategy.parse({ strategy: 'failureRate', failures: 2, per: 1_000, delay: 10 }) }), [undefined, rate]);
  assert.deepEqual(restartsOf({ worker: { ...otherwise, scope: 'region' } }), [undefined, undefined]);
  assert.deepEqual(
    planForFlink(planned, settings).vertices.map(({ restarts }) => restarts),
    [undefined, undefined],
    'without a strategy',
  );
});

test('without an interval Flink takes no checkpoints by itself', () => {
  assert.equal(configured({})['execution.checkpointing.interval'], undefined);
  assert.equal(configured({ checkpoints: { retain: 2 } })['execution.checkpointing.interval'], undefined);
  const timed = configured({ checkpoints: { everyMs: 1_500, timeoutMs: 60_000, retain: 2, directory: 's3://cuts' } });
  assert.equal(timed['execution.checkpointing.interval'], '1500 ms');
  assert.equal(timed['execution.checkpointing.timeout'], '60000 ms');
  assert.equal(timed['execution.checkpointing.num-retained'], '2');
  assert.equal(timed['execution.checkpointing.dir'], 's3://cuts');
});

const strategies: readonly [RestartStrategy, Readonly<Record<string, string>>][] = [
  [{ strategy: 'none' }, { type: 'none' }],
  [
    { strategy: 'fixedDelay', attempts: 4, delay: '2 s' },
    { type: 'fixed-delay', 'fixed-delay.attempts': '4', 'fixed-delay.delay': '2000 ms' },
  ],
  [
    // Flink takes neither a wait of 0 ms nor a factor of 1.
    { strategy: 'exponentialBackoff', attempts: 5, initialDelay: 0, maxDelay: 0, factor: 1, resetAfter: '10 s' },
    {
      type: 'exponential-delay',
      'exponential-delay.initial-backoff': '1 ms',
      'exponential-delay.max-backoff': '1 ms',
      'exponential-delay.backoff-multiplier': '1.0001',
      'exponential-delay.reset-backoff-threshold': '10000 ms',
      'exponential-delay.attempts-before-reset-backoff': '5',
      'exponential-delay.jitter-factor': '0',
    },
  ],
  [
    { strategy: 'failureRate', failures: 3, per: '1 min', delay: 100 },
    {
      type: 'failure-rate',
      'failure-rate.max-failures-per-interval': '3',
      'failure-rate.failure-rate-interval': '60000 ms',
      'failure-rate.delay': '100 ms',
    },
  ],
];

for (const [strategy, expected] of strategies) {
  test(`restart strategy ${strategy.strategy} in Flink's words`, () => {
    const all = configured({ restart: { otherwise: restartStrategy.parse(strategy), roles: {} } });
    const prefix = 'restart-strategy.';
    const found = Object.entries(all).flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : []));
    assert.deepEqual(Object.fromEntries(found), expected);
  });
}

test('options of Flink that the user gives go over those of Millrace', () => {
  const given = { 'execution.buffer-timeout.interval': '10 ms', 'metrics.reporter.prom.port': '9249' };
  const all = configured({ configuration: given });
  assert.equal(all['execution.buffer-timeout.interval'], '10 ms');
  assert.equal(all['metrics.reporter.prom.port'], '9249');
});
