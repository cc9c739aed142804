import { attr } from '../../saved-model/index.js';
import { float, unlocked, type FusedOptimizer } from './fused-optimizer.js';

/** w -= lr * g */
export function fusedSgd(): FusedOptimizer {
  return {
    shared: {},
    slots: {},
    sumsDuplicates: true,
    open: (step) => ({
      apply: ({ handle }, gradient) => step.effect('ResourceApplyGradientDescent', [handle, step.learningRate, gradient], unlocked),
      applySparse: ({ handle }, { values, indices }) =>
        step.effect('ResourceScatterSub', [handle, indices, step.binary('Mul', values, step.learningRate)], { dtype: float, Tindices: attr.type('int32') }),
    }),
  };
}
