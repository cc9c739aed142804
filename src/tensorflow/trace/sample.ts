import { MillraceError } from '../../core/errors.js';
import type { Tensor, Tfjs } from '../model/tfjs-types.js';
import { arrayTypes, elementCount } from '../tensor-data.js';
import type { TensorData, TensorDtype, TensorValue } from '../tensor-value.js';

/** What tfjs works with where it lacks a dtype; graphs cast at their border. */
const tfjsDtypes: Readonly<Partial<Record<TensorDtype, TfjsDtype>>> = Object.freeze({
  float32: 'float32',
  int32: 'int32',
  bool: 'bool',
  string: 'string',
  float64: 'float32',
  float16: 'float32',
  int64: 'int32',
  int16: 'int32',
  int8: 'int32',
  uint16: 'int32',
  uint8: 'int32',
});

export type TfjsDtype = 'float32' | 'int32' | 'bool' | 'string';

/** @throws UNSUPPORTED for dtypes that tfjs has nothing like */
export function tfjsDtype(dtype: TensorDtype, where: string): TfjsDtype {
  const found = tfjsDtypes[dtype];
  if (found === undefined) throw new MillraceError('UNSUPPORTED', `${where}: ${dtype} cannot be an input of a tfjs function; cast it before`);
  return found;
}

/** `count` rows of a value, from its first one on, round and round. */
export function cycleRows({ dtype, shape, data }: TensorValue, count: number): TensorValue {
  const rows = shape[0] ?? 0;
  const width = elementCount(shape.slice(1));
  const total = count * width;
  const at = (i: number): number => (rows * width === 0 ? 0 : i % (rows * width));
  if (Array.isArray(data)) return { dtype, shape: [count, ...shape.slice(1)], data: Array.from({ length: total }, (_, i) => (data as string[])[at(i)] ?? '') };
  const cycled = new (data.constructor as Float32ArrayConstructor)(total);
  for (let i = 0; i < total; i++) cycled[i] = (data as Float32Array)[at(i)]!;
  return { dtype, shape: [count, ...shape.slice(1)], data: cycled };
}

/** A tfjs tensor of a value, cast where tfjs lacks its dtype. */
export function toTfjs(tf: Tfjs, { dtype, shape, data }: TensorValue, where: string): Tensor {
  const target = tfjsDtype(dtype, where);
  return tf.tensor(toTfjsData(dtype, target, data) as Float32Array, [...shape], target);
}

function toTfjsData(dtype: TensorDtype, target: TfjsDtype, data: TensorData): unknown {
  if (target === 'string') return (data as readonly (Uint8Array | string)[]).map((each) => (typeof each === 'string' ? each : Buffer.from(each).toString()));
  // A copy: tfjs uploads lazily and would see later changes of the caller's memory.
  if (dtype === target) return data.slice();
  if (dtype === 'float16') throw new MillraceError('UNSUPPORTED', 'float16 examples are not read yet; give the example as float32 and cast inside');
  return (target === 'float32' ? Float32Array : Int32Array).from(Array.from(data as Iterable<number | bigint>, Number));
}

/** A tensor's values outside tfjs: a copy. */
export function fromTfjs(tensor: Tensor): TensorValue {
  const dtype = tensor.dtype as TfjsDtype;
  const data = tensor.dataSync() as unknown;
  if (dtype === 'string') return { dtype, shape: tensor.shape, data: [...(data as string[])] };
  return { dtype, shape: tensor.shape, data: new arrayTypes[dtype](data as never) as TensorData };
}
