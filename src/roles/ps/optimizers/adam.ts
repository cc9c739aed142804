import type { Optimizer } from './optimizer.js';
import type { SpecOf } from './spec.js';

/** Kingma and Ba 2015, with the bias of both moments corrected and epsilon outside the root, as tfjs does it. */
export function adam({ learningRate, beta1, beta2, epsilon }: SpecOf<'adam'>): Optimizer {
  return {
    slots: [0, 0],
    apply(value, gradient, [first, second], step) {
      const m = first!;
      const v = second!;
      const correction1 = 1 / (1 - beta1 ** step);
      const correction2 = 1 / (1 - beta2 ** step);
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]!;
        const nextM = m[i]! * beta1 + g * (1 - beta1);
        const nextV = v[i]! * beta2 + g * g * (1 - beta2);
        m[i] = nextM;
        v[i] = nextV;
        value[i]! -= (learningRate * nextM * correction1) / (Math.sqrt(nextV * correction2) + epsilon);
      }
    },
  };
}
