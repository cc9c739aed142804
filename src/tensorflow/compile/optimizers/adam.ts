import { attr } from '../../saved-model/index.js';
import type { Value } from '../../trace/program/program.js';
import { lazyAdam } from './lazy-adam.js';
import { unlocked, type FusedOptimizer, type SpecOf, type StepBuilder } from './fused-optimizer.js';

/** What all variables of one step share. */
export interface AdamStep {
  readonly beta1Power: Value;
  readonly beta2Power: Value;
  readonly beta1: Value;
  readonly beta2: Value;
  /** epsilon * sqrt(1 - beta2^t) */
  readonly epsilon: Value;
}

/**
 * Kingma and Ba 2015 with epsilon outside the root of the corrected moment, as tfjs has it. TensorFlow's kernel adds
 * epsilon to the root of the uncorrected one, so it gets epsilon * sqrt(1 - beta2^t).
 */
export function fusedAdam({ beta1, beta2, epsilon }: Omit<SpecOf<'adam'>, 'kind'>): FusedOptimizer {
  return {
    shared: { beta1Power: beta1, beta2Power: beta2 },
    slots: { firstMoment: 0, secondMoment: 0 },
    open: (step, { beta1Power, beta2Power }) => {
      const shared = adamStep(step, { beta1, beta2, epsilon, beta1Power: beta1Power!, beta2Power: beta2Power! });
      return {
        next: { beta1Power: step.binary('Mul', shared.beta1Power, shared.beta1), beta2Power: step.binary('Mul', shared.beta2Power, shared.beta2) },
        apply: ({ handle, slots }, gradient) =>
          step.effect(
            'ResourceApplyAdam',
            [
              handle,
              slots['firstMoment']!,
              slots['secondMoment']!,
              shared.beta1Power,
              shared.beta2Power,
              step.learningRate,
              shared.beta1,
              shared.beta2,
              shared.epsilon,
              gradient,
            ],
            { ...unlocked, use_nesterov: attr.bool(false) },
          ),
        applySparse: (variable, rows) => lazyAdam(step, shared, variable, rows),
      };
    },
  };
}

interface AdamNumbers {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly beta1Power: Value;
  readonly beta2Power: Value;
}

function adamStep(step: StepBuilder, { beta1, beta2, epsilon, beta1Power, beta2Power }: AdamNumbers): AdamStep {
  const root = step.unary('Sqrt', step.binary('Sub', step.scalar(1), beta2Power));
  return { beta1Power, beta2Power, beta1: step.scalar(beta1), beta2: step.scalar(beta2), epsilon: step.binary('Mul', step.scalar(epsilon), root) };
}
