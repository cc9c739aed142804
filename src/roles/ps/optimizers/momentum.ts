import type { Optimizer } from './optimizer.js';
import type { SpecOf } from './spec.js';

/** a = m * a + g; w -= lr * a, or with Nesterov w -= lr * (g + m * a) (Sutskever et al. 2013) */
export function momentum({ learningRate, momentum: m, nesterov }: SpecOf<'momentum'>): Optimizer {
  return {
    slots: [0],
    apply(value, gradient, [accumulation]) {
      const a = accumulation!;
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]!;
        const next = m * a[i]! + g;
        a[i] = next;
        value[i]! -= learningRate * (nesterov ? g + m * next : next);
      }
    },
  };
}
