import { elementCount } from '../tensor-data.js';
import type { TensorSpec, TensorValue } from '../tensor-value.js';

const rows = 5;

/** Small values that every input accepts: integers index tables, so they stay 0 and 1. */
export function exampleFeed({ dtype, shape }: TensorSpec): TensorValue {
  const dims = [rows, ...(shape as readonly number[]).slice(1)];
  const count = elementCount(dims);
  return dtype === 'int32'
    ? { dtype, shape: dims, data: Int32Array.from({ length: count }, (_, i) => i % 2) }
    : { dtype, shape: dims, data: Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1)) };
}
