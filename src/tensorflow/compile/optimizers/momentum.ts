import { attr } from '../../saved-model/index.js';
import { unlocked, unlockedRows, type FusedOptimizer, type SpecOf } from './fused-optimizer.js';

/** a = m * a + g; w -= lr * a, or with Nesterov w -= lr * (g + m * a) (Sutskever et al. 2013). */
export function fusedMomentum({ momentum, nesterov }: SpecOf<'momentum'>): FusedOptimizer {
  const use = { use_nesterov: attr.bool(nesterov) };
  return {
    shared: {},
    slots: { accumulation: 0 },
    open: (step) => ({
      apply: ({ handle, slots }, gradient) =>
        step.effect('ResourceApplyMomentum', [handle, slots['accumulation']!, step.learningRate, gradient, step.scalar(momentum)], { ...unlocked, ...use }),
      applySparse: ({ handle, slots }, { values, indices }) =>
        step.effect('ResourceSparseApplyMomentum', [handle, slots['accumulation']!, step.learningRate, values, indices, step.scalar(momentum)], {
          ...unlockedRows,
          ...use,
        }),
    }),
  };
}
