import { MillraceError } from '../../../core/errors.js';
import { unlocked, type FusedOptimizer, type SpecOf } from './fused-optimizer.js';

/** Adam with the infinity norm (Kingma and Ba 2015, section 7), and tfjs's decay of the learning rate, lr / (1 + decay * step). */
export function fusedAdamax({ beta1, beta2, epsilon, decay }: SpecOf<'adamax'>): FusedOptimizer {
  return {
    shared: { beta1Power: beta1, ...(decay === 0 ? {} : { iteration: 0 }) },
    slots: { firstMoment: 0, infinityNorm: 0 },
    open: (step, { beta1Power, iteration }) => {
      const one = step.scalar(1);
      const b1 = step.scalar(beta1);
      const rate =
        iteration === undefined
          ? step.learningRate
          : step.binary('RealDiv', step.learningRate, step.binary('AddV2', step.binary('Mul', iteration, step.scalar(decay)), one));
      return {
        next: { beta1Power: step.binary('Mul', beta1Power!, b1), ...(iteration === undefined ? {} : { iteration: step.binary('AddV2', iteration, one) }) },
        apply: ({ handle, slots }, gradient) =>
          step.effect(
            'ResourceApplyAdaMax',
            [handle, slots['firstMoment']!, slots['infinityNorm']!, beta1Power!, rate, b1, step.scalar(beta2), step.scalar(epsilon), gradient],
            unlocked,
          ),
        applySparse: () => {
          throw new MillraceError('UNSUPPORTED', 'adamax has no update by rows; leave out sparse: "lazy"');
        },
      };
    },
  };
}
