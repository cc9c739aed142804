import type { RecordBatch } from '../../../../src/memory/batch.js';
import { createOptimizer } from '../../../../src/roles/ps/index.js';
import type { GradientResult, TrainableModel, TrainingSession } from '../../../../src/tensorflow/model/index.js';
import type { TensorValue } from '../../../../src/tensorflow/tensor-value.js';

/** Learns as a worker and its parameter server do: the session's gradients, the server's optimizer, the new weights set. */
export function learner(session: TrainingSession, { optimizer }: Pick<TrainableModel, 'optimizer'>): (batch: RecordBatch) => Promise<GradientResult> {
  const rule = createOptimizer(optimizer);
  const slots = new Map<string, Float32Array[]>();
  let step = 0;
  return async (batch) => {
    const result = await session.gradients(batch);
    const weights: Record<string, TensorValue> = session.weights();
    step += 1;
    for (const [name, gradient] of Object.entries(result.gradients)) {
      const value = weights[name]!.data as Float32Array;
      if (!slots.has(name))
        slots.set(
          name,
          rule.slots.map((fill) => new Float32Array(value.length).fill(fill)),
        );
      rule.apply(value, gradient.data as Float32Array, slots.get(name)!, step);
    }
    session.setWeights({ ...weights, ...result.assigned });
    return result;
  };
}
