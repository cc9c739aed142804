import type { OptimizerSpec } from '../../../tensorflow/model/trainable.js';
import { adadelta } from './adadelta.js';
import { adagrad } from './adagrad.js';
import { adam } from './adam.js';
import { adamax } from './adamax.js';
import { adamw } from './adamw.js';
import { momentum } from './momentum.js';
import { rmsprop } from './rmsprop.js';
import { sgd } from './sgd.js';

/** An update rule over one segment: plain loops on typed arrays, equal to tfjs's optimizer of the same name. */
export interface Optimizer {
  /** Initial value of each slot; a slot is as long as its segment. */
  readonly slots: readonly number[];
  /** Changes `value` and `slots` in place. `step` counts the updates of this segment, from 1. */
  apply(value: Float32Array, gradient: Float32Array, slots: readonly Float32Array[], step: number): void;
}

export function createOptimizer(spec: OptimizerSpec): Optimizer {
  switch (spec.kind) {
    case 'sgd':
      return sgd(spec);
    case 'momentum':
      return momentum(spec);
    case 'adagrad':
      return adagrad(spec);
    case 'adam':
      return adam(spec);
    case 'adamw':
      return adamw(spec);
    case 'adamax':
      return adamax(spec);
    case 'adadelta':
      return adadelta(spec);
    case 'rmsprop':
      return rmsprop(spec);
  }
}
