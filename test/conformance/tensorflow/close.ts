import assert from 'node:assert/strict';
import type { Tensor, Tfjs } from '../../../src/tensorflow/model/tfjs-types.js';
import type { TensorValue } from '../../../src/tensorflow/tensor-value.js';

/** Values of a tensor, wherever it lives. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export function numbersOf(tensor: Tensor | TensorValue): Numbers {
  return { shape: tensor.shape, data: ('dataSync' in tensor ? tensor.dataSync() : tensor.data) as ArrayLike<number> };
}

export function largest({ data }: Numbers): number {
  let found = 0;
  for (let i = 0; i < data.length; i++) found = Math.max(found, Math.abs(data[i]!));
  return found;
}

/**
 * Asserts that shapes agree and no value differs by more than `tolerance` times the largest magnitude of the expected
 * tensor, or of `scale` where that is larger.
 */
export function assertClose(actual: Numbers, expected: Numbers, tolerance: number, what: string, scale = 0): void {
  assert.deepEqual([...actual.shape], [...expected.shape], `${what}: shape`);
  const bound = tolerance * Math.max(largest(expected), scale);
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [actual.data[i]!, expected.data[i]!];
    assert.ok(Number.isFinite(b), `${what}: eager gives ${b}, which proves nothing`);
    assert.ok(Math.abs(a - b) <= bound, `${what}: value ${i} is ${a}, eager gives ${b} (more than ${bound} apart)`);
  }
}

/** What `work` gives, which is outside tfjs; the tensors that it makes are disposed. */
export function tidied<T>(tf: Tfjs, work: () => T): T {
  let result: T | undefined;
  tf.tidy(() => {
    result = work();
  });
  return result as T;
}
