import { adam, bool, defineJob, defineModel, dense, discard, generator, numeric, t } from 'millrace';

const circle = defineModel({
  name: 'circle',
  inputs: { x: numeric() },
  label: { right: t.bool() },
  build: ({ x }) => ({ probability: dense(1, 'sigmoid', dense(4, 'relu', x)) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.01),
});

/** Trains until it is stopped, its nodes where `isolation` (JSON) says. */
export default defineJob({
  name: 'train-processes',
  params: { output: t.string(), isolation: t.string() },
  build({ source, params }) {
    const points = source(generator({ schema: { x: t.float32() }, rowsPerSecond: 2_000, make: (_, random) => ({ x: 2 * random() - 1 }) })).with({
      right: bool((p) => p.x > 0),
    });
    const training = points.train(circle, {
      workers: 2,
      batchSize: 64,
      outputDir: params.output,
      publishEverySteps: 5,
      isolation: JSON.parse(params.isolation) as 'process',
    });
    training.predictions.to(discard());
  },
});
