import { adam, bool, concat, console, defineJob, defineModel, dense, generator, jsonl, numeric, param, t } from 'millrace';

const point = { x: t.float32(), y: t.float32() };

const circle = defineModel({
  name: 'circle',
  inputs: { x: numeric(), y: numeric() },
  label: { inside: t.bool() },
  build: ({ x, y }) => ({ probability: dense(1, 'sigmoid', dense(16, 'relu', concat([x, y]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.01),
});

export default defineJob({
  name: 'first-job',
  params: { output: param(t.string(), { default: 'out/first-job/scores.jsonl' }) },
  build({ source, params }) {
    const points = source(generator({ schema: point, count: 100_000, seed: 1, make: (_, random) => ({ x: 2 * random() - 1, y: 2 * random() - 1 }) })).with({
      inside: bool((p) => p.x * p.x + p.y * p.y < 0.6),
    });
    const training = points.train(circle, { workers: 2, parameterServers: 1, batchSize: 64 });
    training.metrics.to(console({ every: 20 }));
    points.score(training.model).to(jsonl(params.output));
  },
});
