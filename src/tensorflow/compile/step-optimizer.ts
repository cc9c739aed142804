import { MillraceError } from '../../core/errors.js';
import { createOptimizer } from '../model/optimizers.js';
import type { Optimizer, Tfjs } from '../model/tfjs-types.js';
import type { OptimizerSpec } from '../model/trainable.js';

/** An optimizer as steps see it: numbers for a kernel, and one of tfjs's for tracing and eager steps. */
export interface StepOptimizer {
  /** As they are now: a learning rate may change between steps. */
  spec(): OptimizerSpec;
  /** tfjs's optimizer; made when it is first needed. */
  eager(): Optimizer;
  /** Counts a step. */
  stepped(): void;
  /** Runs `work`, the steps of which do not count. */
  uncounted<T>(work: () => T): T;
  dispose(): void;
}

/** What tfjs's optimizers keep their numbers in. */
interface Numbers {
  readonly learningRate: number;
  readonly momentum: number;
  readonly useNesterov: boolean;
  readonly initialAccumulatorValue: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decay: number;
  readonly centered: boolean;
  readonly rho: number;
  iterations_?: number;
}

/** @param given an optimizer of tf.train, which stays the caller's; or one of ours, sgd(), adam()... */
export function stepOptimizer(tf: Tfjs, given: Optimizer | OptimizerSpec): StepOptimizer {
  if (given instanceof tf.Optimizer) {
    const numbers = given as unknown as Numbers;
    return {
      spec: () => specOf(given),
      eager: () => given,
      stepped: () => {
        numbers.iterations_ = given.iterations + 1;
      },
      uncounted: (work) => {
        const { iterations } = given;
        try {
          return work();
        } finally {
          numbers.iterations_ = iterations;
        }
      },
      dispose: () => undefined,
    };
  }
  let made: Optimizer | undefined;
  return {
    spec: () => given,
    eager: () => (made ??= createOptimizer(tf, given)),
    stepped: () => undefined,
    uncounted: (work) => work(),
    dispose: () => made?.dispose(),
  };
}

/** @throws UNSUPPORTED for an optimizer class that is not tfjs's */
function specOf(optimizer: Optimizer): OptimizerSpec {
  const { learningRate, momentum, useNesterov, initialAccumulatorValue, beta1, beta2, epsilon, decay, centered, rho } = optimizer as unknown as Numbers;
  const kind = optimizer.getClassName();
  switch (kind) {
    case 'SGD':
      return { kind: 'sgd', learningRate };
    case 'Momentum':
      return { kind: 'momentum', learningRate, momentum, nesterov: useNesterov };
    case 'Adagrad':
      return { kind: 'adagrad', learningRate, initialAccumulator: initialAccumulatorValue };
    case 'Adam':
      return { kind: 'adam', learningRate, beta1, beta2, epsilon };
    case 'RMSProp':
      return { kind: 'rmsprop', learningRate, decay, momentum, epsilon, centered };
    case 'Adadelta':
      return { kind: 'adadelta', learningRate, rho, epsilon };
    case 'Adamax':
      return { kind: 'adamax', learningRate, beta1, beta2, epsilon, decay };
    default:
      throw new MillraceError('UNSUPPORTED', `optimizer ${kind} is none of tf.train's; use optimizer: 'traced' for one of your own`);
  }
}
