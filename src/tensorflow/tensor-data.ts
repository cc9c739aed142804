import { MillraceError } from '../core/index.js';
import type { TensorData, TensorDtype, TensorValue } from './tensor-value.js';
import { tensorDtypes } from './tensor-value.js';

export type NumericDtype = Exclude<TensorDtype, 'string'>;
export type NumericData = Exclude<TensorData, readonly (Uint8Array | string)[]>;

/** The typed array of each dtype; float16 are IEEE bits, bool is bytes 0 and 1. */
export const arrayTypes = Object.freeze({
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int8: Int8Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
});

const dtypesByNumber: ReadonlyMap<number, TensorDtype> = new Map(Object.entries(tensorDtypes).map(([name, number]) => [number, name as TensorDtype]));

/** The dtype of a TF_DataType, or undefined for one that does not cross our boundary (resource, variant, quantized...). */
export function dtypeOf(number: number): TensorDtype | undefined {
  return dtypesByNumber.get(number);
}

export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

/** How a dtype and shape read in messages: float32[?, 64], or float32[...] where the rank is unknown. */
export function describeSpec(dtype: string, shape: readonly number[] | undefined): string {
  return shape === undefined ? `${dtype}[...]` : `${dtype}[${shape.map((size) => (size < 0 ? '?' : String(size))).join(', ')}]`;
}

/** Checks that a value's data is the array of its dtype and as long as its shape says. @throws SHAPE_MISMATCH */
export function checkTensorValue(value: TensorValue, where: string | (() => string)): void {
  const wrong = (problem: string): MillraceError =>
    new MillraceError('SHAPE_MISMATCH', `${typeof where === 'string' ? where : where()}: ${describeSpec(value.dtype, value.shape)} ${problem}`, {
      details: { dtype: value.dtype, shape: value.shape },
    });
  if (!Object.hasOwn(tensorDtypes, value.dtype)) throw wrong('has an unknown dtype');
  if (!value.shape.every((size) => Number.isSafeInteger(size) && size >= 0)) throw wrong('has a dimension that is no count');
  if (value.dtype === 'string' ? !Array.isArray(value.data) : !(value.data instanceof arrayTypes[value.dtype])) {
    throw wrong(`needs ${value.dtype === 'string' ? 'an array of strings or bytes' : `a ${arrayTypes[value.dtype].name}`}`);
  }
  const wanted = elementCount(value.shape);
  if (value.data.length !== wanted) throw wrong(`needs ${wanted} elements, got ${value.data.length}`);
}

/** A numeric value's memory as bytes, not copied. */
export function bytesOf(data: NumericData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The bytes of one string element. */
export function stringBytes(element: Uint8Array | string): Uint8Array {
  return typeof element === 'string' ? Buffer.from(element) : element;
}
