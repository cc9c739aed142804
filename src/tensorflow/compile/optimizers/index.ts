import type { OptimizerSpec } from '../../model/trainable.js';
import { fusedAdagrad } from './adagrad.js';
import { fusedAdam } from './adam.js';
import { fusedAdamW } from './adamw.js';
import { fusedAdamax } from './adamax.js';
import type { FusedOptimizer } from './fused-optimizer.js';
import { fusedMomentum } from './momentum.js';
import { fusedRmsprop } from './rmsprop.js';
import { fusedSgd } from './sgd.js';

/** TensorFlow's kernels for an optimizer; undefined for Adadelta, which tfjs computes in another way than any kernel. */
export function fusedOptimizer(spec: OptimizerSpec): FusedOptimizer | undefined {
  switch (spec.kind) {
    case 'sgd':
      return fusedSgd();
    case 'momentum':
      return fusedMomentum(spec);
    case 'adagrad':
      return fusedAdagrad(spec);
    case 'adam':
      return fusedAdam(spec);
    case 'adamw':
      return fusedAdamW(spec);
    case 'rmsprop':
      return fusedRmsprop(spec);
    case 'adamax':
      return fusedAdamax(spec);
    case 'adadelta':
      return undefined;
  }
}
