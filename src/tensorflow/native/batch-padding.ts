import { MillraceError } from '../../core/index.js';
import { arrayTypes, describeSpec, elementCount } from '../tensor-data.js';
import type { Signature, TensorData, TensorDtype, TensorSpec, TensorValue } from '../tensor-value.js';

type Feeds = Readonly<Record<string, TensorValue>>;

/**
 * The batch size that a signature is fixed to: the first dimension that all its inputs share, or undefined where one of
 * them leaves it open. Such a model was exported for batches of exactly that many rows.
 */
export function fixedBatchOf(signature: Signature): number | undefined {
  const sizes = new Set(signature.inputs.map(({ shape }) => shape?.[0]));
  const [size] = sizes;
  return sizes.size === 1 && size !== undefined && size > 0 ? size : undefined;
}

/** The signature as callers see it: any number of rows. */
export function openBatch(signature: Signature, batch: number): Signature {
  const open = (spec: TensorSpec): TensorSpec => (spec.shape?.[0] === batch ? { ...spec, shape: [-1, ...spec.shape.slice(1)] } : spec);
  return { ...signature, inputs: signature.inputs.map(open), outputs: signature.outputs.map(open) };
}

/** How many rows the feeds have. @throws SHAPE_MISMATCH where they do not agree */
export function rowsOf(feeds: Feeds, where: string): number {
  const rows = new Set(Object.values(feeds).map(({ shape }) => shape[0]));
  const [count] = rows;
  if (rows.size === 1 && count !== undefined) return count;
  const shapes = Object.entries(feeds).map(([name, { dtype, shape }]) => `"${name}" ${describeSpec(dtype, shape)}`);
  throw new MillraceError('SHAPE_MISMATCH', `${where}: the inputs have different numbers of rows: ${shapes.join(', ')}`);
}

/** Rows `from` to `from + batch` of each feed; rows past the end repeat the last one, which is valid input for any model. */
export function sliceBatch(feeds: Feeds, from: number, batch: number): Record<string, TensorValue> {
  return Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, sliceRows(value, from, batch)]));
}

function sliceRows({ dtype, shape, data }: TensorValue, from: number, batch: number): TensorValue {
  const rows = shape[0] as number;
  const width = elementCount(shape.slice(1));
  const there = Math.min(rows - from, batch);
  const outShape = [batch, ...shape.slice(1)];
  const part = data.slice(from * width, (from + there) * width);
  if (there === batch) return { dtype, shape: outShape, data: part };
  const padded = emptyData(dtype, batch * width);
  put(padded, part, 0);
  const last = part.slice((there - 1) * width);
  for (let row = there; row < batch; row++) put(padded, last, row * width);
  return { dtype, shape: outShape, data: padded };
}

/**
 * Joins the results of consecutive batches and cuts the padding off.
 *
 * @throws UNSUPPORTED where an output has no row for each input row, so that nobody could say which part is padding
 */
export function joinBatches(parts: readonly Feeds[], batch: number, rows: number, where: string): Record<string, TensorValue> {
  const names = Object.keys(parts[0] ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const values = parts.map((part) => part[name] as TensorValue);
      const { dtype, shape } = values[0] as TensorValue;
      if (shape[0] !== batch) {
        throw new MillraceError(
          'UNSUPPORTED',
          `${where}: output "${name}" is ${describeSpec(dtype, shape)}, not one row per input; call it with exactly ${batch} rows`,
          {
            details: { output: name, batch },
          },
        );
      }
      const width = elementCount(shape.slice(1));
      const data = emptyData(dtype, rows * width);
      values.forEach((value, i) => put(data, value.data.slice(0, (rows - i * batch) * width), i * batch * width));
      return [name, { dtype, shape: [rows, ...shape.slice(1)], data }];
    }),
  );
}

function emptyData(dtype: TensorDtype, count: number): TensorData {
  return dtype === 'string' ? new Array<string>(count) : new arrayTypes[dtype](count);
}

function put(target: TensorData, source: TensorData, at: number): void {
  if (Array.isArray(target)) (source as readonly string[]).forEach((element, i) => ((target as string[])[at + i] = element));
  else (target as Uint8Array).set(source as Uint8Array, at);
}

/** A batch of zeros and empty strings. */
export function zeroBatch(signature: Signature): Record<string, TensorValue> {
  return Object.fromEntries(
    signature.inputs.map(({ name, dtype, shape = [] }) => {
      const known = shape.map((size) => Math.max(size, 0));
      const count = elementCount(known);
      return [name, { dtype, shape: known, data: dtype === 'string' ? Array<string>(count).fill('') : emptyData(dtype, count) }];
    }),
  );
}
