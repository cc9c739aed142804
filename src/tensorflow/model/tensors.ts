import { MillraceError } from '../../core/errors.js';
import type { Field } from '../../memory/schema.js';
import type { TensorValue } from '../tensor-value.js';
import type { Tensor, Tfjs } from './tfjs-types.js';

/** Values as tfjs tensors over the same memory: it is read by the first operation on each, and must live until then. */
export function toTensors(tf: Tfjs, values: Readonly<Record<string, TensorValue>>): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, { data, shape, dtype }] of Object.entries(values))
    tensors[name] = tf.tensor(data as Float32Array | Int32Array, shape as number[], dtype as 'float32' | 'int32');
  return tensors;
}

/** A copy of a float32 tensor. */
export function readValue(tensor: Tensor): TensorValue {
  const data = tensor.dataSync() as Float32Array;
  // A tensor that no operation has read yet still looks at the memory it was made from.
  return {
    dtype: 'float32',
    shape: tensor.shape,
    data: data.byteLength === data.buffer.byteLength && !(data.buffer instanceof SharedArrayBuffer) ? data : data.slice(),
  };
}

/** An output as the column that was declared for it: [batch] or [batch, size]. @throws SHAPE_MISMATCH */
export function predictionValue(model: string, name: string, field: Field, tensor: Tensor | undefined, rows: number): TensorValue {
  if (tensor === undefined) throw new MillraceError('SHAPE_MISMATCH', `model ${model}: the forward pass made no output '${name}'`);
  const size = field.dtype === 'vector' ? (field.size as number) : 1;
  if (tensor.size !== rows * size) {
    throw new MillraceError(
      'SHAPE_MISMATCH',
      `model ${model}: output '${name}' is [${String(tensor.shape)}] for ${rows} rows, declared were ${size} values per row; declare it or flatten it in the model`,
    );
  }
  const { data } = readValue(tensor);
  return { dtype: 'float32', shape: field.dtype === 'vector' ? [rows, size] : [rows], data };
}
