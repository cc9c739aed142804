import type { ProgramNode, Value } from '../../trace/program/program.js';
import type { AdamStep } from './adam.js';
import type { SparseRows, StepBuilder, UpdatedVariable } from './fused-optimizer.js';

/**
 * Adam on the rows of a batch alone: moments of other rows neither decay nor move them. Another algorithm than Adam, the
 * one that TensorFlow Addons had as LazyAdam.
 */
export function lazyAdam(step: StepBuilder, shared: AdamStep, { handle, slots }: UpdatedVariable, { values, indices }: SparseRows): ProgramNode {
  const { beta1, beta2, beta1Power, beta2Power, epsilon } = shared;
  const one = step.scalar(1);
  const [firstSlot, secondSlot] = [slots['firstMoment']!, slots['secondMoment']!];
  const decayed = (slot: Value, beta: Value, added: Value): Value =>
    step.binary('AddV2', step.binary('Mul', step.gather(slot, indices, values), beta), step.binary('Mul', added, step.binary('Sub', one, beta)));
  const first = decayed(firstSlot, beta1, values);
  const second = decayed(secondSlot, beta2, step.unary('Square', values));
  const root = step.unary('Sqrt', step.binary('Sub', one, beta2Power));
  const rate = step.binary('RealDiv', step.binary('Mul', step.learningRate, root), step.binary('Sub', one, beta1Power));
  const change = step.binary('Mul', step.binary('RealDiv', first, step.binary('AddV2', step.unary('Sqrt', second), epsilon)), rate);
  const moved = [step.scatter('ResourceScatterUpdate', firstSlot, indices, first), step.scatter('ResourceScatterUpdate', secondSlot, indices, second)];
  return step.scatter('ResourceScatterSub', handle, indices, change, moved);
}
