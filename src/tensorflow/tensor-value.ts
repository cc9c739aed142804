/** dtypes of TensorFlow that cross our session boundary. Names as in Python; numbers are TF_DataType. */
export const tensorDtypes = Object.freeze({
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int16: 5,
  int8: 6,
  string: 7,
  int64: 9,
  bool: 10,
  uint16: 17,
  float16: 19,
  uint32: 22,
  uint64: 23,
});

export type TensorDtype = keyof typeof tensorDtypes;

/**
 * A dense tensor outside any framework: dtype, shape, row-major data.
 *
 * `data` by dtype: float32 Float32Array; float64 Float64Array; int8..int32, uint8..uint32 the typed array of that name;
 * int64, uint64 BigInt64Array, BigUint64Array; float16 Uint16Array of IEEE bits; bool Uint8Array of 0 and 1; string an
 * array of Buffers or strings (UTF-8).
 */
export interface TensorValue {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly (Uint8Array | string)[];

/** Name, dtype and shape of one input or output; -1 for an unknown dimension, undefined for an unknown rank. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[] | undefined;
}

/** Inputs and outputs of one callable of a model. */
export interface Signature {
  readonly name: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}
