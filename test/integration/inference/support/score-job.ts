import { collect, generator } from '../../../../src/connectors/index.js';
import '../../../../src/inference/index.js';
import '../../../../src/ml-framework/index.js';
import '../../../../src/roles/index.js';
import { t } from '../../../../src/memory/schema.js';
import { defineJob } from '../../../../src/stream/job.js';
import { adam, concat, defineModel, dense, numeric } from '../../../../src/tensorflow/model/index.js';

const record = { n: t.int32(), at: t.float64(), x: t.float32(), y: t.float32(), label: t.bool() };

const separator = defineModel({
  inputs: { x: numeric(), y: numeric() },
  label: { label: t.bool() },
  build: ({ x, y }) => ({ probability: dense(1, 'sigmoid', dense(8, 'tanh', concat([x, y]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.02),
});

/** Trains, and scores the same records with what has been learned so far. */
export default defineJob({
  name: 'score',
  params: { records: t.int32(), servers: t.int32() },
  build: ({ params, source }) => {
    const make = (n: number) => {
      const x = Math.sin(n * 12.9898);
      const y = Math.cos(n * 78.233);
      return { n, at: n * 1000, x, y, label: x + y > 0 };
    };
    const records = source(generator({ schema: record, count: params.records, make }), { time: 'at' });
    const training = records.train(separator, { workers: 1, parameterServers: params.servers, batchSize: 32, publishEverySteps: 20 });
    records.score(training.model, { modelVersion: true, batch: { maxSize: 64 } }).to(collect('scores'));
  },
});
