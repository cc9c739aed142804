/** A model and rows of the demo's kind, for benches of training and scoring. */
import { batchFromColumns, decodeBatch, encodeBatch, encodedBatchBytes, t, type Infer, type RecordBatch } from '../src/memory/index.js';
import { adam, category, concat, defineModel, dense, embedding, numeric, type Model } from '../src/tensorflow/model/index.js';

const numberCount = 10;

export const demoLikeSchema = { hour: t.int32(), origin: t.string(), destination: t.string(), numbers: t.vector(numberCount), late: t.bool() };

/** Two embeddings of 8 over 512 buckets, 24 hours, ten numbers; 128 and 64 units; Adam. */
export function demoLikeModel(): Model<unknown, unknown, unknown> {
  const lateness = defineModel({
    name: 'demo-like',
    inputs: {
      hour: category(24),
      origin: embedding({ dim: 8, buckets: 512 }),
      destination: embedding({ dim: 8, buckets: 512 }),
      numbers: numeric({ size: numberCount }),
    },
    label: { late: t.bool() },
    build: ({ hour, origin, destination, numbers }) => ({
      probability: dense(1, 'sigmoid', dense(64, 'relu', dense(128, 'relu', concat([hour, origin, destination, numbers])))),
    }),
    loss: 'binaryCrossentropy',
    optimizer: adam(1e-3),
  });
  return lateness;
}

/** Rows of one batch; equal seeds give equal rows. */
export function demoLikeRows(rows: number, seed: number): RecordBatch<Infer<typeof demoLikeSchema>> {
  const at = (i: number): number => i + seed * rows;
  const values = {
    hour: Int32Array.from({ length: rows }, (_, i) => at(i) % 24),
    origin: Array.from({ length: rows }, (_, i) => `A${(at(i) * 7) % 311}`),
    destination: Array.from({ length: rows }, (_, i) => `A${(at(i) * 13) % 311}`),
    numbers: Float32Array.from({ length: rows * numberCount }, (_, i) => Math.sin(at(i))),
    late: Uint8Array.from({ length: rows }, (_, i) => (Math.sin(at(i) * numberCount) > 0.6 ? 1 : 0)),
  };
  return batchFromColumns(demoLikeSchema, values);
}

/** The same as a consumer reads them from a ring. */
export function demoLikeBatch(rows: number, seed: number): RecordBatch {
  const made = demoLikeRows(rows, seed);
  const payload = new Uint8Array(new SharedArrayBuffer(encodedBatchBytes(made)));
  encodeBatch(made, payload);
  return decodeBatch(payload, demoLikeSchema);
}
