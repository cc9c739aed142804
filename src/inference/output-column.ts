import { MillraceError } from '../core/errors.js';
import { formatField, type ColumnValues, type Field } from '../memory/index.js';
import { describeSpec } from '../tensorflow/tensor-data.js';
import type { TensorValue } from '../tensorflow/tensor-value.js';

/** An output's rows as values of its column. @throws SHAPE_MISMATCH where the model made another shape than it declared */
export function outputColumn(name: string, field: Field, value: TensorValue | undefined, where: string): ColumnValues {
  const rows = value?.shape[0] ?? 0;
  const width = value?.shape.slice(1).reduce((product, size) => product * size, 1) ?? 0;
  const fits = field.dtype === 'list' || width === (field.dtype === 'vector' ? field.size : 1);
  if (value === undefined || !fits) {
    throw new MillraceError(
      'SHAPE_MISMATCH',
      `${where}: output '${name}' is ${value === undefined ? 'missing' : describeSpec(value.dtype, value.shape)} for ${rows} rows, its column is ${formatField(field)}`,
    );
  }
  if (value.dtype === 'string')
    return (value.data as readonly (Uint8Array | string)[]).map((text) =>
      typeof text === 'string' ? text : field.dtype === 'bytes' ? text : Buffer.from(text).toString(),
    );
  if (field.dtype === 'list')
    return Array.from({ length: rows }, (_, row) => Array.from((value.data as Float32Array).subarray(row * width, (row + 1) * width), Number));
  if (value.dtype === 'uint64') return Float64Array.from(value.data as BigUint64Array, Number);
  return value.data as Float32Array;
}
