import type { Optimizer } from './optimizer.js';
import type { SpecOf } from './spec.js';

/** Zeiler 2012, except that an update is scaled by the squares before this gradient, as tfjs does it. */
export function adadelta({ learningRate, rho, epsilon }: SpecOf<'adadelta'>): Optimizer {
  return {
    slots: [0, 0],
    apply(value, gradient, [squares, updates]) {
      const s = squares!;
      const u = updates!;
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]!;
        const update = (Math.sqrt(u[i]! + epsilon) / Math.sqrt(s[i]! + epsilon)) * g;
        s[i] = s[i]! * rho + g * g * (1 - rho);
        u[i] = u[i]! * rho + update * update * (1 - rho);
        value[i]! -= learningRate * update;
      }
    },
  };
}
