import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isMillraceError, type MillraceError } from '../../../../src/core/index.js';
import { t } from '../../../../src/memory/schema.js';
import {
  buildGraph,
  defineJob,
  formatGraphDifference,
  planJob,
  type BuildContext,
  type JobGraph,
  type OperatorSpec,
  type Params,
  type PlanOptions,
} from '../../../../src/stream/index.js';
import { emptySink, emptySource } from '../test-connectors.js';

const flight = { date: t.timestamp(), delay: t.int32(), origin: t.string(), note: t.string() };
const idle = { open: () => undefined, process: () => undefined };
const operator = (more: Partial<OperatorSpec> = {}): OperatorSpec => ({ kind: 'custom', schema: undefined, create: () => idle, ...more });

function plan(build: (context: BuildContext<Params>) => void, options: Partial<PlanOptions> = {}): JobGraph {
  const graph = buildGraph(defineJob<Params>({ name: 'job', build }), {});
  return planJob(graph, { parallelism: 1, keyGroups: 128, overrides: {}, ...options });
}

function problemsOf(build: (context: BuildContext<Params>) => void, options: Partial<PlanOptions> = {}): readonly string[] {
  try {
    plan(build, options);
  } catch (error) {
    assert.ok(isMillraceError(error), String(error));
    assert.equal(error.code, 'GRAPH_INVALID');
    return (error.details['problems'] as { operator?: string; message: string }[]).map(({ operator, message }) =>
      operator === undefined ? message : `${operator}: ${message}`,
    );
  }
  throw new Error('the plan has no problems');
}

const shape = ({ vertices, edges }: JobGraph): readonly string[] => [
  ...vertices.map((vertex) => `${vertex.name} x${vertex.parallelism}`),
  ...edges.map(({ from, to, edge, columns }) => `${from} ${edge.exchange.kind}${columns === undefined ? '' : `(${columns.join(',')})`} ${to}`),
];

test('operators of equal parallelism joined by forward edges become one chain', () => {
  const graph = plan(({ source }) => {
    source(emptySource(flight), { time: 'date' }).select('delay').to(emptySink());
  });
  assert.deepEqual(shape(graph), ['list -> list times -> select -> collect x1']);
  assert.deepEqual(
    graph.vertices[0]?.inner.map((edge) => [edge.from, edge.to]),
    [
      [0, 1],
      [1, 2],
      [2, 3],
    ],
  );
});

test('what runs in a process of its own shares a chain only with its like, and the plan says so', () => {
  const build = ({ source, env }: BuildContext<Params>): void => {
    const flights = source(emptySource(flight), { time: 'date' });
    const isolated = flights.transform(operator({ name: 'a', isolation: 'process' })).transform(operator({ name: 'b', isolation: 'process' }));
    isolated.transform(operator({ name: 'c' })).to(emptySink());
    if (env.scope.builder.node(flights.node).isolation !== 'thread') throw new Error('threads are the default');
  };
  const graph = plan(build);
  assert.deepEqual(shape(graph), ['list -> list times x1', 'a -> b x1', 'c -> collect x1', '0 forward 1', '1 forward 2']);
  const inThreads = plan(({ source }) => {
    source(emptySource(flight), { time: 'date' })
      .transform(operator({ name: 'a' }))
      .transform(operator({ name: 'b' }))
      .transform(operator({ name: 'c' }))
      .to(emptySink());
  });
  assert.match(formatGraphDifference(graph, inThreads) ?? '', /operator list-times differs|operator a differs/);
});

test('a forward edge between unequal parallelisms becomes a rebalance, and times stay with their source', () => {
  const graph = plan(
    ({ source }) => {
      source(emptySource(flight, { maxParallelism: 1 }), { time: 'date' })
        .select('delay', 'origin')
        .to(emptySink({ maxParallelism: 1 }));
    },
    { parallelism: 3 },
  );
  assert.deepEqual(shape(graph), ['list -> list times x1', 'select x3', 'collect x1', '0 rebalance(delay,origin) 1', '1 rebalance 2']);
});

test('a hash exchange between single subtasks is a forward inside the chain, unless the operator starts one', () => {
  const keyed = (startsChain: boolean): readonly string[] =>
    shape(
      plan(({ source }) => {
        source(emptySource(flight)).transform(operator({ startsChain, reads: [['delay']] }), { kind: 'hash', key: { columns: ['origin'] } });
      }),
    );
  assert.deepEqual(keyed(false), ['list -> custom x1']);
  assert.deepEqual(keyed(true), ['list x1', 'custom x1', '0 hash(delay,origin) 1']);
});

test('roles share a thread with nobody, before or behind', () => {
  const graph = plan(({ source, env }) => {
    const servers = env.add(operator({ kind: 'role', name: 'ps', role: 'ps', parallelism: 2 }));
    const workers = source(emptySource(flight)).transform<{ loss: number }>(
      operator({ kind: 'role', name: 'worker', role: 'worker', schema: { loss: t.float32() }, reads: [['delay']] }),
    );
    workers.to(emptySink());
    env.scope.builder.connect(servers.node, 0, { from: workers.node, exchange: { kind: 'control' } });
  });
  assert.deepEqual(shape(graph), ['list x1', 'worker x1', 'ps x2', 'collect x1', '0 forward(delay) 1', '1 forward 3', '1 control 2']);
});

test('a role is scaled by its name, an operator by its uid', () => {
  const build = ({ source }: BuildContext<Params>): void => {
    source(emptySource(flight)).transform(operator({ kind: 'role', name: 'worker', uid: 'train', role: 'worker', parallelism: 2 }));
  };
  assert.equal(plan(build, { overrides: { worker: 4 } }).vertices[1]?.parallelism, 4);
  assert.equal(plan(build, { overrides: { train: 5 } }).vertices[1]?.parallelism, 5);
  assert.deepEqual(problemsOf(build, { overrides: { wroker: 4 } }), [
    "parallelism of 'wroker': no operator or role has this name; there are list, train, worker",
  ]);
});

test('only columns that somebody behind an exchange needs cross it', () => {
  const graph = plan(({ source }) => {
    const flights = source(emptySource(flight)).rebalance();
    // Passes columns on, reads one: what its consumers read counts.
    const passing = flights.transform<{ delay: number; date: Date; origin: string }>(
      operator({ name: 'passing', schema: flight, reads: [['origin']], passesColumns: true }),
    );
    passing.select('delay').to(emptySink());
    // Reads nothing: the narrowest column carries the count.
    flights.transform(operator({ name: 'counting', reads: [[]] }));
    flights.transform(operator({ name: 'everything' }));
  });
  assert.deepEqual(shape(graph).slice(-3), ['0 rebalance(delay,origin) 1', '0 rebalance(delay) 2', '0 rebalance 3']);
});

test('all problems are reported at once, each naming its operator', () => {
  const problems = problemsOf(
    ({ source }) => {
      const flights = source(emptySource(flight), { name: 'flights', maxDelay: 3 } as object);
      flights.transform(operator({ name: 'a', uid: 'same' }));
      flights.transform(operator({ name: 'b', uid: 'same' }));
      flights.transform(operator({ name: 'reader', reads: [['nope']] }));
      flights.transform(operator({ name: 'single', parallelism: 2, maxParallelism: 1 }));
      flights.transform(operator({ name: 'keyed', parallelism: 9 }), { kind: 'hash', key: { columns: ['orgin'] } });
      flights.forward().transform(operator({ name: 'follower', parallelism: 3 }));
      flights.sideOutput('late');
      flights.to(emptySink({ name: 'file', validate: () => ['out/ is not a directory'] }));
    },
    { keyGroups: 8 },
  );
  const schema = '{date: timestamp, delay: int32, origin: string, note: string}';
  assert.deepEqual(problems, [
    'flights: unknown option maxDelay',
    "flights: has no side output 'late'; it has: dead-letters",
    'file: out/ is not a directory',
    "b: has uid 'same', which a has already; each operator needs its own",
    `reader: reads column 'nope', which its input flights lacks; it has ${schema}`,
    `keyed: reads column 'orgin', which its input flights lacks; it has ${schema}`,
    'single: parallelism 2 is more than the 1 that it can use',
    'keyed: parallelism 9 is more than the 8 key groups of the job; raise keyGroups in defineJob or ask for less',
    'follower: parallelism 3 does not fit its forward input, which has 1; put rebalance() in between, or use the same parallelism',
  ]);
});

test('a cycle without a declared feedback edge is an error that shows the way round', () => {
  const problems = problemsOf(({ source, env }) => {
    const first = source(emptySource(flight)).transform(operator({ name: 'first' }));
    const second = first.transform(operator({ name: 'second' }));
    env.scope.builder.connect(first.node, 1, { from: second.node, exchange: { kind: 'rebalance' } });
  });
  assert.deepEqual(problems, ['first: is in a cycle without a feedback edge: first -> second -> first']);
});

test('a feedback edge is accepted as such, but not supported yet', () => {
  assert.throws(
    () =>
      plan(({ source, env }) => {
        const first = source(emptySource(flight)).transform(operator({ name: 'first' }));
        env.scope.builder.connect(first.node, 1, { from: first.node, exchange: { kind: 'rebalance' }, feedback: true });
      }),
    (error: MillraceError) => error.code === 'UNSUPPORTED' && error.message.includes('first: reads a feedback edge from first; iteration is not supported yet'),
  );
});

test('a source that nobody reads and rows without a schema between threads are warnings', () => {
  const graph = plan(({ source }) => {
    source(emptySource(flight, { name: 'unread' }));
    const rows = source(emptySource(flight)).transform(operator({ name: 'rows' }));
    rows.rebalance().to(emptySink());
  });
  assert.deepEqual(
    graph.warnings.map(({ operator: name }) => name),
    ['unread', 'rows'],
  );
});

test('plans of the same job are equal, and another parameter, type or parallelism is named', () => {
  const build =
    (columns: readonly ('delay' | 'origin')[], parallelism = 1) =>
    ({ source }: BuildContext<Params>): void => {
      source(emptySource(flight))
        .select(...columns)
        .as({ name: 'pick', parallelism })
        .to(emptySink());
    };
  const first = plan(build(['delay']));
  const same = plan(build(['delay']));
  assert.equal(first.fingerprint, same.fingerprint);
  assert.equal(formatGraphDifference(first, same), undefined);
  const other = plan(build(['delay', 'origin']));
  assert.notEqual(first.fingerprint, other.fingerprint);
  assert.equal(
    formatGraphDifference(first, other),
    'operator pick differs: "makes {delay: int32}" in one graph, "makes {delay: int32, origin: string}" in the other',
  );
  const wider = plan(build(['delay'], 2));
  assert.match(formatGraphDifference(first, wider) ?? '', /operator pick differs: "select 'pick' x 1 in chain 0" in one graph, "select 'pick' x 2 in chain 1"/);
});

test('a rename keeps uids distinct and an explicit uid untouched', () => {
  const graph = plan(({ source }) => {
    const flights = source(emptySource(flight));
    flights.select('delay').as({ name: 'Pick delays' });
    flights.select('delay').as({ name: 'Pick delays' });
    flights.select('delay').as({ uid: 'mine' }).as({ name: 'other' });
  });
  assert.deepEqual(
    graph.vertices[0]?.operators.map((node) => node.uid),
    ['list', 'pick-delays', 'pick-delays-2', 'mine'],
  );
});

describe('fixed chains', () => {
  const job = ({ source }: BuildContext<Params>): void => {
    source(emptySource(flight), { time: 'date' })
      .select('delay', 'origin')
      .transform(operator({ name: 'count' }), { kind: 'hash', key: { columns: ['origin'] } })
      .transform(operator({ name: 'format' }))
      .to(emptySink({ maxParallelism: 1 }));
  };
  const chains = (options: Partial<PlanOptions>): readonly string[] =>
    plan(job, { fixedChains: true, ...options }).vertices.map(({ operators }) => operators.map(({ name }) => name).join(' -> '));

  test('are the same at every parallelism', () => {
    const at1 = chains({});
    assert.deepEqual(at1, ['list -> list times -> select', 'count -> format', 'collect']);
    for (const overrides of [{ count: 3 }, { count: 1, select: 2 }, { list: 2, count: 2 }]) {
      for (const parallelism of [1, 2, 4]) assert.deepEqual(chains({ parallelism, overrides }), at1, JSON.stringify({ parallelism, overrides }));
    }
    // Without them, what happens to be equally wide is fused.
    assert.notEqual(plan(job, { parallelism: 1 }).vertices.length, plan(job, { parallelism: 1, overrides: { count: 3 } }).vertices.length);
  });

  test('take an override of one operator for all, and refuse two that differ', () => {
    const graph = plan(job, { fixedChains: true, overrides: { format: 3 } });
    assert.deepEqual(
      graph.vertices.filter(({ operators }) => operators.some(({ uid }) => uid === 'count')).map(({ parallelism }) => parallelism),
      [3],
    );
    assert.deepEqual(problemsOf(job, { fixedChains: true, overrides: { count: 2, format: 3 } }), [
      "format: parallelism 3 where 'count' has 2: on this engine both run in one chain; give both the same",
    ]);
  });
});
