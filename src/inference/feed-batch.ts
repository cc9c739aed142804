import type { TensorData, TensorValue } from '../tensorflow/tensor-value.js';
import type { Values } from './scorer.js';

/** Rows from..to of each tensor, sharing memory. */
export function sliceValues(values: Values, from: number, to: number): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, sliceValue(value, from, to)]));
}

function sliceValue({ dtype, shape, data }: TensorValue, from: number, to: number): TensorValue {
  const width = rowWidth(shape);
  const [start, end] = [from * width, to * width];
  const part = Array.isArray(data) ? (data as readonly string[]).slice(start, end) : (data as Float32Array).subarray(start, end);
  return { dtype, shape: [to - from, ...shape.slice(1)], data: part };
}

/** Tensors one after another; the part itself where there is one. */
export function concatValues(parts: readonly Values[]): Values {
  const [first] = parts as readonly [Values];
  if (parts.length === 1) return first;
  return Object.fromEntries(
    Object.entries(first).map(([name, value]) => [
      name,
      concatValue(
        value,
        parts.map((part) => part[name] as TensorValue),
      ),
    ]),
  );
}

function concatValue({ dtype, shape }: TensorValue, parts: readonly TensorValue[]): TensorValue {
  const rows = parts.reduce((sum, part) => sum + (part.shape[0] as number), 0);
  return {
    dtype,
    shape: [rows, ...shape.slice(1)],
    data: concatData(
      parts.map(({ data }) => data),
      rows * rowWidth(shape),
    ),
  };
}

function concatData(parts: readonly TensorData[], length: number): TensorData {
  const [first] = parts as readonly [TensorData];
  if (Array.isArray(first)) return parts.flatMap((part) => part as readonly string[]);
  const joined = new (first.constructor as new (length: number) => Float32Array)(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part as Float32Array, at);
    at += part.length;
  }
  return joined;
}

function rowWidth(shape: readonly number[]): number {
  return shape.slice(1).reduce((product, size) => product * size, 1);
}
