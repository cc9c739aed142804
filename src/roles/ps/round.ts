import type { PushMessage, SegmentValues } from '../../ml-framework/parameters/messages.js';

/**
 * Gradients by segment, each push's a mean over its examples, as one: the mean weighted by examples, which is the gradient of
 * the union of the batches, or the sum over all examples.
 */
export function combineGradients(pushes: readonly PushMessage[], isMean: (segment: number) => boolean): SegmentValues[] {
  const total = pushes.reduce((sum, { examples }) => sum + examples, 0);
  const sums = new Map<number, Float32Array>();
  for (const { examples, gradients } of pushes) {
    for (const { segment, data } of gradients) {
      const weight = isMean(segment) ? examples / total : examples;
      let sum = sums.get(segment);
      if (sum === undefined) sums.set(segment, (sum = new Float32Array(data.length)));
      for (let i = 0; i < data.length; i++) sum[i]! += weight * data[i]!;
    }
  }
  return [...sums].map(([segment, data]) => ({ segment, version: 0, data }));
}
