/** The job of bench/checkpoint.ts with the large model: a variable of 64 MiB that every step changes, a step every two seconds, so that no backlog lies before a barrier. */
import { discard, fromLoss, generator, numeric, sgd, t } from '../src/index.js';
import { defineJob } from '../src/stream/index.js';

const side = 4096;

const large = fromLoss({
  name: 'large',
  inputs: { x: numeric() },
  label: { y: t.float32() },
  outputs: { guess: t.float32() },
  variables: (tf) => ({ w: tf.variable(tf.zeros([side, side]), true, 'w') }),
  predict: (_variables, { x }, tf) => ({ guess: tf.mul(x, 2) }),
  loss: (_outputs, { y }, tf, { w }) => tf.add(tf.mean(tf.square(y)), tf.mean(w)),
  optimizer: sgd(0.1),
});

export default defineJob({
  name: 'bench-large-model',
  params: { records: t.int32() },
  build({ params, source }) {
    const rows = source(generator({ schema: { x: t.float32(), y: t.float32() }, count: params.records, rowsPerSecond: 4, make: (n) => ({ x: n, y: n % 2 }) }));
    rows.train(large, { workers: 1, parameterServers: 1, batchSize: 8, mode: 'asp', publishEverySteps: 1_000_000 }).predictions.to(discard());
  },
});
