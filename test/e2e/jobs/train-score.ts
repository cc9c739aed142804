import { adam, bool, concat, defineJob, defineModel, dense, discard, generator, jsonl, numeric, t } from 'millrace';

const circle = defineModel({
  name: 'circle',
  inputs: { x: numeric(), y: numeric() },
  label: { inside: t.bool() },
  build: ({ x, y }) => ({ probability: dense(1, 'sigmoid', dense(8, 'relu', concat([x, y]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.01),
});

/** Trains and scores until it is stopped: for what can be seen from outside of a job. */
export default defineJob({
  name: 'train-score',
  params: { output: t.string() },
  build({ source, params }) {
    const points = source(
      generator({
        schema: { x: t.float32(), y: t.float32(), at: t.timestamp() },
        rowsPerSecond: 2_000,
        make: (i, random) => ({ x: 2 * random() - 1, y: 2 * random() - 1, at: new Date(1e12 + i) }),
      }),
      { time: 'at' },
    ).with({ inside: bool((p) => p.x * p.x + p.y * p.y < 0.6) });
    const training = points.train(circle, { workers: 2, batchSize: 64, publishEverySteps: 5 });
    training.metrics.to(discard());
    points.score(training.model).to(jsonl(params.output));
  },
});
