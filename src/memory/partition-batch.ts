import type { RecordBatch } from './batch.js';

/**
 * Splits a batch by target, keeping the order of rows within each.
 *
 * @param targets of each row, 0..count-1 [length]
 * @returns one batch for each target; undefined where it gets no row, the batch itself where it gets all
 */
export function partitionBatch<R>(batch: RecordBatch<R>, targets: Int32Array, count: number): (RecordBatch<R> | undefined)[] {
  const out = new Array<RecordBatch<R> | undefined>(count).fill(undefined);
  const starts = new Int32Array(count + 1);
  for (let i = 0; i < batch.length; i++) (starts[(targets[i] as number) + 1] as number)++;
  for (let target = 0; target < count; target++) {
    if (batch.length > 0 && starts[target + 1] === batch.length) {
      out[target] = batch;
      return out;
    }
  }
  for (let target = 0; target < count; target++) (starts[target + 1] as number) += starts[target] as number;
  const order = new Int32Array(batch.length);
  const next = starts.slice();
  for (let i = 0; i < batch.length; i++) order[(next[targets[i] as number] as number)++] = i;
  for (let target = 0; target < count; target++) {
    const from = starts[target] as number;
    const to = starts[target + 1] as number;
    if (to > from) out[target] = batch.take(order.subarray(from, to));
  }
  return out;
}
