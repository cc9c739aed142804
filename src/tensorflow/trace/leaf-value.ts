import type { TensorValue } from '../tensor-value.js';
import { fromTfjs } from './sample.js';
import { isTensorValue, type Leaf } from './structure.js';

/** A leaf outside tfjs: a number is a float32 scalar; a tensor is copied, a value is not. */
export function leafValue(leaf: Leaf): TensorValue {
  if (typeof leaf === 'number') return { dtype: 'float32', shape: [], data: Float32Array.of(leaf) };
  if (typeof leaf === 'boolean') return { dtype: 'bool', shape: [], data: Uint8Array.of(leaf ? 1 : 0) };
  return isTensorValue(leaf) ? leaf : fromTfjs(leaf);
}
