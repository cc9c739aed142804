import { adam, concat, console, defineJob, defineModel, dense, generator, numeric, t } from 'millrace';

const model = defineModel({
  name: 'small',
  inputs: { x: numeric(), z: numeric() },
  label: { y: t.bool() },
  build: ({ x, z }) => ({ guess: dense(1, 'sigmoid', dense(32, 'relu', concat([x, z]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.01),
});

/** Of each attempt the first record alone is printed. */
const first = { every: Number.MAX_SAFE_INTEGER };

/** The job of bench/flink-recovery.ts: a stream without end, mapped and printed, or trained on by two workers and a parameter server. */
export default defineJob({
  name: 'bench-flink-recovery',
  params: { training: t.bool() },
  // What jobs with checkpoints have by themselves begins with the same wait; this one does not grow when they are killed in a row.
  restart: { strategy: 'fixedDelay', attempts: 1_000, delay: 100 },
  build({ source, params }) {
    const rows = source(
      generator({
        schema: { n: t.int32(), x: t.float32(), y: t.bool(), z: t.float32() },
        rowsPerSecond: 5_000,
        make: (n, random) => ({ n, x: random() - 0.5, y: n % 3 === 0, z: random() - 0.5 }),
      }),
      { batchRows: 64 },
    );
    if (params.training) {
      const training = rows.train(model, { workers: 2, parameterServers: 1, batchSize: 64, mode: 'bsp', publishEverySteps: 1_000_000 });
      training.predictions.select('n').to(console(first));
    } else rows.map({ n: t.int32() }, ({ n }) => ({ n })).to(console(first));
  },
});
