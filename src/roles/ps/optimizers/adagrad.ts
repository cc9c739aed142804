import type { Optimizer } from './optimizer.js';
import type { SpecOf } from './spec.js';

/** tfjs adds its float32 backend epsilon under the root. */
const epsilon = 1e-7;

/** a += g^2; w -= lr * g / sqrt(a + epsilon) (Duchi et al. 2011) */
export function adagrad({ learningRate, initialAccumulator }: SpecOf<'adagrad'>): Optimizer {
  return {
    slots: [initialAccumulator],
    apply(value, gradient, [accumulator]) {
      const a = accumulator!;
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]!;
        const sum = a[i]! + g * g;
        a[i] = sum;
        value[i]! -= (learningRate * g) / Math.sqrt(sum + epsilon);
      }
    },
  };
}
