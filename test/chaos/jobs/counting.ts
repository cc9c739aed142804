import { adam, bool, concat, count, defineJob, defineModel, dense, fromLoss, int32, numeric, param, sgd, t, tumbling, type StreamEnvironment } from 'millrace';
import { batchRows, fileEnds, kafkaEnds } from './ends.js';
import { heldAt, leaveMarks } from './marks.js';
import { sabotage } from './sabotage.js';

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
    model: t.string(),
    broker: param(t.string(), { default: '' }),
    topics: param(t.string(), { default: '' }),
    partitions: param(t.int32(), { default: 1 }),
    marks: param(t.string(), { default: '' }),
    beside: param(t.bool(), { default: false }),
  },
  restart: { strategy: 'fixedDelay', attempts: 100, delay: 0 },
  build({ source, env, params }) {
    const { output, workers, servers } = params;
    sabotage(env, params.faults);
    const ends = params.broker === '' ? fileEnds(output, params.records, params.rate) : kafkaEnds(params.broker, params.topics, params.partitions, params.rate);
    const marks = params.marks === '' ? [] : params.marks.split(',').map(Number);
    const pass = leaveMarks(params.faults, marks);
    const numbers = source(heldAt(ends.numbers, params.faults, marks), { name: 'numbers', time: 'at', batchRows, parallelism: ends.parallelism }).with({
      key: int32((r) => r.n % 7),
      y: bool((r) => r.x * r.z > 0),
      seen: int32((r) => {
        pass(r.n);
        return 1;
      }),
    });
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
    predictions.to(ends.sink('predictions'), { uid: 'predictions' });
    const byKey = numbers.keyBy('key');
    byKey
      .reduce((sum, r) => ({ ...r, seen: sum.seen + 1 }))
      .select('key', 'seen')
      .to(ends.sink('counts'), { uid: 'counts' });
    byKey.window(tumbling('1 s')).summarize({ records: count() }).to(ends.sink('windows'), { uid: 'windows' });
    if (params.beside) countBeside(env, output, params.records, params.rate);
  },
});

/** A region of its own: a stream that nothing else of the job reads, counted by key. */
function countBeside(env: StreamEnvironment, output: string, records: number, rate: number): void {
  env
    .source(fileEnds(output, records, rate).numbers, { name: 'beside', time: 'at', batchRows })
    .with({ key: int32((r) => r.n % 7), seen: int32(() => 1) })
    .keyBy('key')
    .reduce((sum, r) => ({ ...r, seen: sum.seen + 1 }))
    .select('key', 'seen')
    .to(fileEnds(output, records, rate).sink('beside'), { uid: 'beside-counts' });
}
