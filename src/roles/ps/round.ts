import type { PushMessage, SegmentValues } from '../../ml-framework/parameters/messages.js';

/** The mean of gradients by segment, weighted by the examples behind each: the gradient of the union of the batches. */
export function meanGradients(pushes: readonly PushMessage[]): SegmentValues[] {
  const total = pushes.reduce((sum, { examples }) => sum + examples, 0);
  const sums = new Map<number, Float32Array>();
  for (const { examples, gradients } of pushes) {
    const weight = examples / total;
    for (const { segment, data } of gradients) {
      let sum = sums.get(segment);
      if (sum === undefined) sums.set(segment, (sum = new Float32Array(data.length)));
      for (let i = 0; i < data.length; i++) sum[i]! += weight * data[i]!;
    }
  }
  return [...sums].map(([segment, data]) => ({ segment, version: 0, data }));
}
