import type { Optimizer } from './optimizer.js';
import type { SpecOf } from './spec.js';

/** Hinton's RMSProp with momentum; centered subtracts the squared mean gradient (Graves 2013), as tfjs does it. */
export function rmsprop(spec: SpecOf<'rmsprop'>): Optimizer {
  const { learningRate, decay, momentum, epsilon, centered } = spec;
  return {
    slots: centered ? [0, 0, 0] : [0, 0],
    apply(value, gradient, [squares, moments, means]) {
      const s = squares!;
      const m = moments!;
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]!;
        const square = s[i]! * decay + g * g * (1 - decay);
        s[i] = square;
        let variance = square + epsilon;
        if (means !== undefined) {
          const mean = means[i]! * decay + g * (1 - decay);
          means[i] = mean;
          variance = square - (mean * mean + epsilon);
        }
        const moment = m[i]! * momentum + (learningRate * g) / Math.sqrt(variance);
        m[i] = moment;
        value[i]! -= moment;
      }
    },
  };
}
