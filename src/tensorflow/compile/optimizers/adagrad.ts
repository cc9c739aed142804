import { attr } from '../../saved-model/index.js';
import { unlocked, unlockedRows, type FusedOptimizer, type SpecOf } from './fused-optimizer.js';

/** tfjs adds its float32 backend epsilon under the root. */
const epsilon = 1e-7;

/**
 * a += g^2; w -= lr * g / sqrt(a + epsilon) (Duchi et al. 2011). TensorFlow's kernel has no epsilon, so the slot holds
 * a + epsilon from the start. By rows it is the same algorithm.
 */
export function fusedAdagrad({ initialAccumulator }: SpecOf<'adagrad'>): FusedOptimizer {
  const update = { update_slots: attr.bool(true) };
  return {
    shared: {},
    slots: { accumulator: initialAccumulator + epsilon },
    open: (step) => ({
      apply: ({ handle, slots }, gradient) =>
        step.effect('ResourceApplyAdagrad', [handle, slots['accumulator']!, step.learningRate, gradient], { ...unlocked, ...update }),
      applySparse: ({ handle, slots }, { values, indices }) =>
        step.effect('ResourceSparseApplyAdagrad', [handle, slots['accumulator']!, step.learningRate, values, indices], { ...unlockedRows, ...update }),
    }),
  };
}
