import type { FusedOptimizer, SpecOf } from './fused-optimizer.js';
import { fusedAdam } from './adam.js';
import { unlocked } from './fused-optimizer.js';

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019): w -= lr * decay * w first, then Adam's update, as Keras does it. */
export function fusedAdamW({ weightDecay, ...adam }: SpecOf<'adamw'>): FusedOptimizer {
  const inner = fusedAdam(adam);
  return {
    ...inner,
    open: (step, shared) => {
      const updates = inner.open(step, shared);
      const rate = step.binary('Mul', step.learningRate, step.scalar(weightDecay));
      return {
        ...updates,
        apply: (variable, gradient) => {
          // Gradient descent along the variable itself is the decay.
          const decay = step.effect('ResourceApplyGradientDescent', [variable.handle, rate, variable.read()], unlocked);
          return step.after(decay, updates.apply(variable, gradient));
        },
        // Decay touches every row, so a sparse update would be another algorithm still.
        applySparse: (variable, rows) => updates.applySparse(variable, rows),
      };
    },
  };
}
