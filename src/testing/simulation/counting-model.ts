import type { Weights } from '../../ml-framework/parameters/parameter-client.js';
import type { OptimizerSpec, VariableSpec } from '../../tensorflow/model/trainable.js';

/**
 * The model that counts: one weight for each batch of the stream, whose gradient is -1 for the batch at hand. Under sgd
 * with rate 1 a weight is 0 before its batch is learned, above 0 after it, and exactly 1 in asp mode if it was learned once.
 */
export class CountingModel {
  readonly optimizer: OptimizerSpec = { kind: 'sgd', learningRate: 1 };
  readonly variables: readonly VariableSpec[];

  constructor(readonly batches: number) {
    this.variables = [{ name: 'seen', shape: [batches], dtype: 'float32', trainable: true }];
  }

  initial(): Weights {
    return { seen: { dtype: 'float32', shape: [this.batches], data: new Float32Array(this.batches) } };
  }

  gradients(order: number): Weights {
    const data = new Float32Array(this.batches);
    data[order] = -1;
    return { seen: { dtype: 'float32', shape: [this.batches], data } };
  }

  static seen(weights: Weights): Float32Array {
    return weights['seen']!.data as Float32Array;
  }
}
