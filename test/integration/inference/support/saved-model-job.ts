import { collect, fromList } from '../../../../src/connectors/index.js';
import '../../../../src/inference/index.js';
import { t, type Field } from '../../../../src/memory/schema.js';
import { defineJob } from '../../../../src/stream/job.js';
import type { TensorValue } from '../../../../src/tensorflow/tensor-value.js';
import { readJudgeCases } from '../../../python/judge.js';

/** Scores rows of one of Python's cases, its feeds again and again, with the SavedModel that Python wrote. */
export default defineJob({
  name: 'saved-model',
  params: { folder: t.string(), case: t.string(), rows: t.int32(), maxSize: t.int32(), ordered: t.bool() },
  build: ({ params, source }) => {
    const found = readJudgeCases(params.folder).find(({ name }) => name === params.case);
    if (found === undefined) throw new Error(`no case ${params.case}`);
    const { dir, feeds } = found;
    const schema = { n: t.int32(), ...Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, fieldOf(feed)])) };
    const rows = Array.from({ length: params.rows }, (_, n) => ({
      n,
      ...Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, rowOf(feed, n)])),
    }));
    source(fromList(rows, schema))
      .score({ savedModel: dir }, { batch: { maxSize: params.maxSize }, ordered: params.ordered, maxInFlight: 8 })
      .to(collect('scores'));
  },
});

function fieldOf({ dtype, shape }: TensorValue): Field {
  if (shape.length === 2 && dtype === 'float32') return t.vector(shape[1] as number);
  if (dtype === 'int64') return t.bigint();
  if (dtype === 'string') return t.string();
  if (dtype === 'bool') return t.bool();
  throw new Error(`no column for ${dtype} [${String(shape)}]`);
}

/** The value of row `n` of a feed, which has a few rows and starts again after the last. */
function rowOf({ dtype, shape, data }: TensorValue, n: number): unknown {
  const row = n % (shape[0] as number);
  if (shape.length === 2) return (data as Float32Array).slice(row * (shape[1] as number), (row + 1) * (shape[1] as number));
  if (dtype === 'string') return Buffer.from((data as readonly Uint8Array[])[row] as Uint8Array).toString();
  return dtype === 'bool' ? data[row] === 1 : data[row];
}
