import { readFileSync, renameSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import {
  adam,
  bool,
  concat,
  count,
  defineJob,
  defineModel,
  dense,
  fromLoss,
  generator,
  int32,
  jsonl,
  numeric,
  param,
  sgd,
  t,
  tumbling,
  type OperatorNode,
} from 'millrace';

/** The model that counts: its only variable grows by 1 with each record, because the gradient of each is -1 and they are summed. */
const counter = fromLoss({
  name: 'counter',
  inputs: { x: numeric() },
  label: { y: t.bool() },
  outputs: { guess: t.float32() },
  variables: (tf) => ({ count: tf.variable(tf.scalar(0), true, 'count') }),
  predict: (_variables, { x }, tf) => ({ guess: tf.mul(x, 0) }),
  loss: (_outputs, _labels, tf, { count: seen }) => tf.neg(seen),
  optimizer: sgd(1),
});

/** A small network: whether its weights are the same bit by bit says more than a count. */
const network = defineModel({
  name: 'network',
  inputs: { x: numeric(), z: numeric() },
  label: { y: t.bool() },
  build: ({ x, z }) => ({ guess: dense(1, 'sigmoid', dense(8, 'tanh', concat([x, z]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.01),
});

const pollMs = 10;

/** What goes wrong on the thread of an operator when a file of its name appears: 'throw', 'exit', 'slow'. */
function arm(folder: string, label: string): void {
  const path = `${folder}/${label}`;
  const mine = `${path}.${process.pid}.${threadId}`;
  setInterval(() => {
    try {
      // Of several nodes of a role, the one that takes the file away is the one that fails.
      renameSync(path, mine);
    } catch {
      return;
    }
    const fault = readFileSync(mine, 'utf8');
    if (fault === 'exit') process.exit(9);
    if (fault === 'slow') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
    else throw new Error(`sabotage of ${label}`);
  }, pollMs).unref();
}

/** Counts records in every way that a stream can be counted, while its nodes and operators can be made to fail. */
export default defineJob({
  name: 'counting',
  params: {
    output: t.string(),
    faults: t.string(),
    records: t.int32(),
    rate: t.int32(),
    workers: t.int32(),
    servers: t.int32(),
    mode: t.string(),
    isolation: t.string(),
    model: param(t.string(), { default: 'counter' }),
  },
  restart: { strategy: 'fixedDelay', attempts: 100, delay: 0 },
  build({ source, env, params }) {
    const { output, workers, servers } = params;
    env.scope.builder.whenBuilt(() => {
      for (const node of allNodes((id) => env.scope.builder.node(id))) {
        const create = node.create.bind(node);
        const label = node.role ?? (node.kind === 'source' || node.kind === 'sink' ? node.kind : undefined);
        if (label === undefined) continue;
        (node as { create: OperatorNode['create'] }).create = () => {
          const subtask = create();
          const open = subtask.open.bind(subtask);
          // What throws while it opens for the first time ends the job at once, as it should: not what is looked for here.
          subtask.open = async (...args) => {
            await open(...args);
            arm(params.faults, label);
          };
          return subtask;
        };
      }
    });
    const numbers = source(
      generator({
        schema: { n: t.int32(), at: t.timestamp(), x: t.float32(), z: t.float32() },
        count: params.records,
        rowsPerSecond: params.rate,
        make: (n, random) => ({ n, at: new Date(1e12 + n), x: random() - 0.5, z: random() - 0.5 }),
      }),
      { name: 'numbers', time: 'at', batchRows: 64 },
    ).with({ key: int32((r) => r.n % 7), y: bool((r) => r.x * r.z > 0), seen: int32(() => 1) });
    const options = {
      workers,
      parameterServers: servers,
      batchSize: 32,
      mode: params.mode as 'bsp' | 'asp',
      isolation: params.isolation as 'thread' | 'process',
      outputDir: `${output}/model`,
      publishEverySteps: 1_000,
    };
    const predictions =
      params.model === 'network'
        ? numbers.train(network, options).predictions.select('n')
        : numbers.train(counter, { ...options, gradients: 'sum' }).predictions.select('n');
    predictions.to(jsonl(`${output}/predictions.jsonl`, { flushMs: 50 }));
    const byKey = numbers.keyBy('key');
    byKey
      .reduce((sum, r) => ({ ...r, seen: sum.seen + 1 }))
      .select('key', 'seen')
      .to(jsonl(`${output}/counts.jsonl`));
    byKey
      .window(tumbling('1 s'))
      .summarize({ records: count() })
      .to(jsonl(`${output}/windows.jsonl`));
  },
});

function* allNodes(node: (id: number) => OperatorNode): Generator<OperatorNode> {
  for (let id = 0; ; id++) {
    try {
      yield node(id);
    } catch {
      return;
    }
  }
}
