import { collect, generator } from '../../../../src/connectors/index.js';
import '../../../../src/ml-framework/index.js';
import '../../../../src/roles/index.js';
import { t } from '../../../../src/memory/schema.js';
import { defineJob } from '../../../../src/stream/job.js';
import { param } from '../../../../src/stream/params.js';
import { adam, concat, defineModel, dense, numeric, sgd } from '../../../../src/tensorflow/model/index.js';

export const record = { n: t.int32(), at: t.float64(), x: t.float32(), y: t.float32(), label: t.bool() };

const separator = (learningRate: number) =>
  defineModel({
    inputs: { x: numeric(), y: numeric() },
    label: { label: t.bool() },
    build: ({ x, y }) => ({ probability: dense(1, 'sigmoid', dense(8, 'tanh', concat([x, y]))) }),
    loss: 'binaryCrossentropy',
    optimizer: learningRate > 1 ? sgd(learningRate) : adam(learningRate),
  });

/** Learns x + y > 0; every record carries its number, so that a test can count. */
export default defineJob({
  name: 'train',
  params: {
    records: t.int32(),
    workers: t.int32(),
    servers: t.int32(),
    mode: t.string(),
    delayMs: param(t.int32(), { default: 0 }),
    learningRate: param(t.float64(), { default: 0.02 }),
    ratePerSecond: param(t.int32(), { default: 0 }),
    /** Every so many records, one that the model cannot read; 0: none. */
    badEvery: param(t.int32(), { default: 0 }),
    onBadRecord: param(t.string(), { default: 'deadLetter' }),
    isolation: param(t.string(), { default: 'thread' }),
  },
  build: ({ params, source }) => {
    const records = source(
      generator({
        schema: record,
        count: params.records,
        ...(params.ratePerSecond > 0 ? { rowsPerSecond: params.ratePerSecond } : {}),
        make: (n: number) => {
          const x = Math.sin(n * 12.9898);
          const y = Math.cos(n * 78.233);
          const isBad = params.badEvery > 0 && n % params.badEvery === 0;
          return { n, at: n * 1000, x: isBad ? Number.NaN : x, y, label: x + y > 0 };
        },
      }),
      { time: 'at' },
    );
    const training = records.train(separator(params.learningRate), {
      workers: params.workers,
      parameterServers: params.servers,
      batchSize: 32,
      mode: params.mode as 'bsp' | 'asp',
      publishEverySteps: 20,
      onBadRecord: params.onBadRecord as 'deadLetter' | 'fail',
      isolation: params.isolation as 'thread' | 'process',
      ...(params.delayMs > 0 ? { labelKnownAt: (r) => r.at + params.delayMs } : {}),
    });
    training.predictions.to(collect('predictions'));
    training.metrics.to(collect('metrics'));
    training.deadLetters.to(collect('deadLetters'));
  },
});
