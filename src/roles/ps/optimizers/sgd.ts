import type { Optimizer } from './optimizer.js';
import type { SpecOf } from './spec.js';

/** w -= lr * g */
export function sgd({ learningRate }: SpecOf<'sgd'>): Optimizer {
  return {
    slots: [],
    apply(value, gradient) {
      for (let i = 0; i < value.length; i++) value[i]! -= learningRate * gradient[i]!;
    },
  };
}
