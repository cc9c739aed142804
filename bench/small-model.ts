import { adam, concat, defineModel, dense, generator, numeric, t } from 'millrace';

/** What the recovery benches train, where only the time to go on counts. */
export const smallModel = defineModel({
  name: 'small',
  inputs: { x: numeric(), z: numeric() },
  label: { y: t.bool() },
  build: ({ x, z }) => ({ guess: dense(1, 'sigmoid', dense(32, 'relu', concat([x, z]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.01),
});

/** Rows for it, without end. */
export const smallRows = generator({
  schema: { n: t.int32(), x: t.float32(), y: t.bool(), z: t.float32() },
  rowsPerSecond: 5_000,
  make: (n, random) => ({ n, x: random() - 0.5, y: n % 3 === 0, z: random() - 0.5 }),
});

export const smallBatches = { batchRows: 64 };

/** Two workers and a parameter server. */
export const smallTraining = { workers: 2, parameterServers: 1, batchSize: 64, mode: 'bsp', publishEverySteps: 1_000_000 } as const;
