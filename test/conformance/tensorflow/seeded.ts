import type { LayersModel, Tensor, Tfjs } from '../../../src/tensorflow/model/tfjs-types.js';
import type { RowInput } from './layer-row.js';

/** Numbers in (-1, 1), the same for the same seed: the fractional parts of multiples of an irrational number. */
export function numbers(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => 2 * (((i + 1) * 0.618_033_988_749_895 + seed * 0.754_877_666_246_69 + (i % 7) * 0.31) % 1) - 1);
}

/** Rows for an input of a layer. */
export function inputRows(tf: Tfjs, { shape, below }: RowInput, rows: number, seed: number): Tensor {
  const full = [rows, ...shape];
  const data = numbers(
    full.reduce((product, size) => product * size, 1),
    seed,
  );
  if (below === undefined) return tf.tensor(data, full);
  return tf.tensor(
    data.map((value) => Math.floor(((value + 1) / 2) * below)),
    full,
  );
}

/** Gives a model weights that do not depend on chance; what is a variance stays positive. */
export function setSeededWeights(tf: Tfjs, model: LayersModel, seed: number): void {
  const values = model.weights.map((weight, i) => {
    const shape = weight.shape as number[];
    const data = numbers(
      shape.reduce((product, size) => product * size, 1),
      seed + i,
    );
    return tf.tensor(weight.name.includes('variance') ? data.map((value) => 0.5 + Math.abs(value)) : data.map((value) => 0.7 * value), shape);
  });
  model.setWeights(values);
  tf.dispose(values);
}
