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

export interface AdamWOptions extends AdamOptions {
  /** Share of each weight that a step takes off at learning rate 1. Default 0.004, as Keras has it. */
  readonly weightDecay?: number;
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019). @param learningRate default 0.001 */
export function adamw(learningRate = 0.001, options?: AdamWOptions): OptimizerSpec {
  const schema = z.strictObject({
    learningRate: rate,
    beta1: fraction.default(0.9),
    beta2: fraction.default(0.999),
    epsilon,
    weightDecay: z.number().min(0).default(0.004),
  });
  return { kind: 'adamw', ...resolveOptions(schema, { ...options, learningRate }, 'adamw()') };
}

export interface AdamaxOptions extends AdamOptions {
  /** The learning rate of step t, from 0, is divided by 1 + decay * t. Default 0. */
  readonly decay?: number;
}

/** Adam with the infinity norm. @param learningRate default 0.002 */
export function adamax(learningRate = 0.002, options?: AdamaxOptions): OptimizerSpec {
  const schema = z.strictObject({
    learningRate: rate,
    beta1: fraction.default(0.9),
    beta2: fraction.default(0.999),
    epsilon,
    decay: z.number().min(0).default(0),
  });
  return { kind: 'adamax', ...resolveOptions(schema, { ...options, learningRate }, 'adamax()') };
}

export interface AdadeltaOptions {
  /** Default 0.95. */
  readonly rho?: number;
  /** Default 1e-7. */
  readonly epsilon?: number;
}

/** Zeiler's Adadelta, as tfjs computes it. @param learningRate default 0.001 */
export function adadelta(learningRate = 0.001, options?: AdadeltaOptions): OptimizerSpec {
  const schema = z.strictObject({ learningRate: rate, rho: fraction.default(0.95), epsilon });
  return { kind: 'adadelta', ...resolveOptions(schema, { ...options, learningRate }, 'adadelta()') };
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

/** tfjs's own optimizer for a spec (Adam for AdamW, whose decay is the caller's to do); the caller disposes it. */
export function createOptimizer(tf: Tfjs, spec: OptimizerSpec): Optimizer {
  switch (spec.kind) {
    case 'sgd':
      return tf.train.sgd(spec.learningRate);
    case 'momentum':
      return tf.train.momentum(spec.learningRate, spec.momentum, spec.nesterov);
    case 'adagrad':
      return tf.train.adagrad(spec.learningRate, spec.initialAccumulator);
    case 'adadelta':
      return tf.train.adadelta(spec.learningRate, spec.rho, spec.epsilon);
    case 'adamax':
      return tf.train.adamax(spec.learningRate, spec.beta1, spec.beta2, spec.epsilon, spec.decay);
    case 'adam':
    case 'adamw':
      return tf.train.adam(spec.learningRate, spec.beta1, spec.beta2, spec.epsilon);
    case 'rmsprop':
      return tf.train.rmsprop(spec.learningRate, spec.decay, spec.momentum, spec.epsilon, spec.centered);
  }
}
