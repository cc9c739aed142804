import { z } from 'zod';
import { resolveOptions } from '../../core/options.js';
import type { Optimizer, Tfjs } from './tfjs-types.js';
import type { OptimizerSpec } from './trainable.js';

const rate = z.number().positive();
const fraction = z.number().min(0).lt(1);
/** tfjs-node's backend epsilon, which tf.train.adam and tf.train.rmsprop use by default. */
const epsilon = z.number().positive().default(1e-7);

/** Plain gradient descent. */
export function sgd(learningRate: number): OptimizerSpec {
  return { kind: 'sgd', ...resolveOptions(z.strictObject({ learningRate: rate }), { learningRate }, 'sgd()') };
}

export interface MomentumOptions {
  /** 0..1. Default 0.9. */
  readonly momentum?: number;
  /** Default false. */
  readonly nesterov?: boolean;
}

export function momentum(learningRate: number, options?: MomentumOptions): OptimizerSpec {
  const schema = z.strictObject({ learningRate: rate, momentum: fraction.default(0.9), nesterov: z.boolean().default(false) });
  return { kind: 'momentum', ...resolveOptions(schema, { ...options, learningRate }, 'momentum()') };
}

/** @param options.initialAccumulator >= 0, default 0.1 */
export function adagrad(learningRate: number, options?: { readonly initialAccumulator?: number }): OptimizerSpec {
  const schema = z.strictObject({ learningRate: rate, initialAccumulator: z.number().min(0).default(0.1) });
  return { kind: 'adagrad', ...resolveOptions(schema, { ...options, learningRate }, 'adagrad()') };
}

export interface AdamOptions {
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-7. */
  readonly epsilon?: number;
}

/** @param learningRate default 0.001 */
export function adam(learningRate = 0.001, options?: AdamOptions): OptimizerSpec {
  const schema = z.strictObject({ learningRate: rate, beta1: fraction.default(0.9), beta2: fraction.default(0.999), epsilon });
  return { kind: 'adam', ...resolveOptions(schema, { ...options, learningRate }, 'adam()') };
}

export interface RmspropOptions {
  /** Default 0.9. */
  readonly decay?: number;
  /** Default 0. */
  readonly momentum?: number;
  /** Default 1e-7. */
  readonly epsilon?: number;
  /** Default false. */
  readonly centered?: boolean;
}

export function rmsprop(learningRate: number, options?: RmspropOptions): OptimizerSpec {
  const schema = z.strictObject({
    learningRate: rate,
    decay: fraction.default(0.9),
    momentum: fraction.default(0),
    epsilon,
    centered: z.boolean().default(false),
  });
  return { kind: 'rmsprop', ...resolveOptions(schema, { ...options, learningRate }, 'rmsprop()') };
}

/** tfjs's own optimizer for a spec; the caller disposes it. */
export function createOptimizer(tf: Tfjs, spec: OptimizerSpec): Optimizer {
  switch (spec.kind) {
    case 'sgd':
      return tf.train.sgd(spec.learningRate);
    case 'momentum':
      return tf.train.momentum(spec.learningRate, spec.momentum, spec.nesterov);
    case 'adagrad':
      return tf.train.adagrad(spec.learningRate, spec.initialAccumulator);
    case 'adam':
      return tf.train.adam(spec.learningRate, spec.beta1, spec.beta2, spec.epsilon);
    case 'rmsprop':
      return tf.train.rmsprop(spec.learningRate, spec.decay, spec.momentum, spec.epsilon, spec.centered);
  }
}
