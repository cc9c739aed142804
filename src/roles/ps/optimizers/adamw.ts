import { adam } from './adam.js';
import type { Optimizer } from './optimizer.js';
import type { SpecOf } from './spec.js';

/** w -= lr * decay * w, then Adam (Loshchilov and Hutter 2019), as Keras does it. */
export function adamw({ weightDecay, ...spec }: SpecOf<'adamw'>): Optimizer {
  const inner = adam({ ...spec, kind: 'adam' });
  const kept = 1 - spec.learningRate * weightDecay;
  return {
    slots: inner.slots,
    apply(value, gradient, slots, step) {
      for (let i = 0; i < value.length; i++) value[i]! *= kept;
      inner.apply(value, gradient, slots, step);
    },
  };
}
