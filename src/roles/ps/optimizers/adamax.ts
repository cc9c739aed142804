import type { Optimizer } from './optimizer.js';
import type { SpecOf } from './spec.js';

/** Adam with the infinity norm (Kingma and Ba 2015, section 7), the learning rate decaying as tfjs does it. */
export function adamax({ learningRate, beta1, beta2, epsilon, decay }: SpecOf<'adamax'>): Optimizer {
  return {
    slots: [0, 0],
    apply(value, gradient, [first, norm], step) {
      const m = first!;
      const u = norm!;
      const rate = learningRate / (1 + decay * (step - 1)) / (1 - beta1 ** step);
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]!;
        const nextM = m[i]! * beta1 + g * (1 - beta1);
        const nextU = Math.max(u[i]! * beta2, Math.abs(g));
        m[i] = nextM;
        u[i] = nextU;
        value[i]! -= (rate * nextM) / (nextU + epsilon);
      }
    },
  };
}
