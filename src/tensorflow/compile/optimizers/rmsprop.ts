import { unlocked, unlockedRows, type FusedOptimizer, type SpecOf } from './fused-optimizer.js';

/**
 * Hinton's RMSProp with momentum; centered subtracts the squared mean gradient (Graves 2013). There tfjs takes epsilon off
 * where TensorFlow adds it, so the kernel gets -epsilon.
 */
export function fusedRmsprop({ decay, momentum, epsilon, centered }: SpecOf<'rmsprop'>): FusedOptimizer {
  return {
    shared: {},
    slots: centered ? { meanGradient: 0, meanSquare: 0, moment: 0 } : { meanSquare: 0, moment: 0 },
    open: (step) => {
      const numbers = [step.learningRate, step.scalar(decay), step.scalar(momentum), step.scalar(centered ? -epsilon : epsilon)];
      const kernel = centered ? 'ApplyCenteredRMSProp' : 'ApplyRMSProp';
      return {
        apply: ({ handle, slots }, gradient) => step.effect(`Resource${kernel}`, [handle, ...Object.values(slots), ...numbers, gradient], unlocked),
        applySparse: ({ handle, slots }, { values, indices }) =>
          step.effect(`ResourceSparse${kernel}`, [handle, ...Object.values(slots), ...numbers, values, indices], unlockedRows),
      };
    },
  };
}
