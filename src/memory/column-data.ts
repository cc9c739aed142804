import { appendBits, bitmapBytes, onesBitmap, sliceBits, takeBits } from './bitmap.js';
import { copyBytes, bytesOf, privateCopy } from './copy.js';
import { encodeTexts } from './text.js';
import type { Dtype, Field } from './schema.js';

/** Arrays that hold column values, by dtype: see the table in schema.ts. */
export type ValueArray = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array | BigInt64Array;

export interface ValueArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): ValueArray;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ValueArray;
}

/**
 * The memory of one column, in one of three layouts (or as strings that nobody needed as bytes yet):
 *
 * ```
 * fixed     values [length * valuesPerRow]
 * bits      values bitmap
 * variable  offsets [length + 1] into values; offsets[0] need not be 0
 * strings   JavaScript strings; becomes variable when it crosses a channel
 * ```
 */
export interface ColumnData {
  readonly length: number;
  readonly values: ValueArray | undefined;
  readonly offsets: Int32Array | undefined;
  readonly validity: Uint8Array | undefined;
  readonly strings: readonly (string | null | undefined)[] | undefined;
}

const arrayTypes: Readonly<Record<Dtype, ValueArrayType>> = {
  bool: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  string: Uint8Array,
  bytes: Uint8Array,
  timestamp: BigInt64Array,
  vector: Float32Array,
  list: Float64Array,
};

export function arrayTypeOf(dtype: Dtype): ValueArrayType {
  return arrayTypes[dtype];
}

export type Layout = 'fixed' | 'bits' | 'variable';

export function layoutOf(dtype: Dtype): Layout {
  return dtype === 'bool' ? 'bits' : dtype === 'string' || dtype === 'bytes' || dtype === 'list' ? 'variable' : 'fixed';
}

/** Elements of `values` in each row of a fixed layout. */
export function valuesPerRow(field: Field): number {
  return field.dtype === 'vector' ? (field.size ?? 0) : 1;
}

export function sliceData(field: Field, data: ColumnData, from: number, to: number): ColumnData {
  const layout = layoutOf(field.dtype);
  const width = valuesPerRow(field);
  return {
    length: to - from,
    validity: data.validity && sliceBits(data.validity, from, to),
    strings: data.strings?.slice(from, to),
    offsets: data.offsets?.subarray(from, to + 1),
    values:
      layout === 'bits' ? sliceBits(data.values as Uint8Array, from, to) : layout === 'fixed' ? data.values?.subarray(from * width, to * width) : data.values,
  };
}

export function takeData(field: Field, data: ColumnData, indices: Int32Array): ColumnData {
  const validity = data.validity && takeBits(data.validity, indices);
  const length = indices.length;
  if (data.strings !== undefined) {
    const strings = new Array<string | null | undefined>(length);
    for (let i = 0; i < length; i++) strings[i] = data.strings[indices[i] as number];
    return { length, validity, strings, offsets: undefined, values: undefined };
  }
  const values = data.values as ValueArray;
  switch (layoutOf(field.dtype)) {
    case 'bits':
      return { length, validity, strings: undefined, offsets: undefined, values: takeBits(values as Uint8Array, indices) };
    case 'fixed':
      return { length, validity, strings: undefined, offsets: undefined, values: takeFixed(field, values, indices) };
    case 'variable':
      return { length, validity, strings: undefined, ...takeVariable(data.offsets as Int32Array, values, indices, arrayTypeOf(field.dtype)) };
  }
}

// Cells move as 1, 2 or 4-byte words, so that each loop below sees one kind of typed array and stays fast.
function takeFixed(field: Field, values: ValueArray, indices: Int32Array): ValueArray {
  const type = arrayTypeOf(field.dtype);
  const width = valuesPerRow(field);
  const out = new type(indices.length * width);
  const rowBytes = type.BYTES_PER_ELEMENT * width;
  if (type.BYTES_PER_ELEMENT === 1) takeInto(bytesOf(out), bytesOf(values), indices);
  else if (type.BYTES_PER_ELEMENT === 2) takeHalves(wordsView(out, Uint16Array), wordsView(values, Uint16Array), indices);
  else takeWords(wordsView(out, Uint32Array), wordsView(values, Uint32Array), indices, rowBytes / 4);
  return out;
}

function wordsView<A extends Uint16Array | Uint32Array>(view: ValueArray, type: new (buffer: ArrayBufferLike, at: number, length: number) => A): A {
  const bytes = type === (Uint16Array as unknown) ? 2 : 4;
  return new type(view.buffer, view.byteOffset, view.byteLength / bytes);
}

function takeInto(out: Uint8Array, source: Uint8Array, indices: Int32Array): void {
  for (let i = 0; i < indices.length; i++) out[i] = source[indices[i] as number] as number;
}

function takeHalves(out: Uint16Array, source: Uint16Array, indices: Int32Array): void {
  for (let i = 0; i < indices.length; i++) out[i] = source[indices[i] as number] as number;
}

function takeWords(out: Uint32Array, source: Uint32Array, indices: Int32Array, width: number): void {
  if (width === 1) {
    for (let i = 0; i < indices.length; i++) out[i] = source[indices[i] as number] as number;
    return;
  }
  let at = 0;
  for (const index of indices) {
    const from = index * width;
    for (let k = 0; k < width; k++) out[at++] = source[from + k] as number;
  }
}

function takeVariable(offsets: Int32Array, values: ValueArray, indices: Int32Array, type: ValueArrayType): { offsets: Int32Array; values: ValueArray } {
  const out = new Int32Array(indices.length + 1);
  let total = 0;
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] as number;
    total += (offsets[index + 1] as number) - (offsets[index] as number);
    out[i + 1] = total;
  }
  const size = type.BYTES_PER_ELEMENT;
  const target = new type(total);
  const source = bytesOf(values);
  const bytes = bytesOf(target);
  for (let i = 0; i < indices.length; i++) {
    const from = (offsets[indices[i] as number] as number) * size;
    const at = (out[i] as number) * size;
    const length = (out[i + 1] as number) * size - at;
    if (length > 64) copyBytes(bytes, at, source.subarray(from, from + length));
    else for (let k = 0; k < length; k++) bytes[at + k] = source[from + k] as number;
  }
  return { offsets: out, values: target };
}

export function concatData(field: Field, parts: readonly ColumnData[]): ColumnData {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const validity = concatValidity(parts, length);
  if (parts.every((part) => part.strings !== undefined)) {
    const strings = parts.flatMap((part) => part.strings as (string | null)[]);
    return { length, validity, strings, offsets: undefined, values: undefined };
  }
  const layout = layoutOf(field.dtype);
  if (layout === 'bits') {
    const values = new Uint8Array(bitmapBytes(length));
    eachPart(parts, (part, at) => {
      appendBits(values, at, part.values as Uint8Array, part.length);
    });
    return { length, validity, strings: undefined, offsets: undefined, values };
  }
  const type = arrayTypeOf(field.dtype);
  if (layout === 'fixed') {
    const width = valuesPerRow(field);
    const values = new type(length * width);
    eachPart(parts, (part, at) => {
      copyBytes(bytesOf(values), at * width * type.BYTES_PER_ELEMENT, bytesOf(part.values as ValueArray));
    });
    return { length, validity, strings: undefined, offsets: undefined, values };
  }
  return { length, validity, strings: undefined, ...concatVariable(parts.map(encodedData), length, type) };
}

function eachPart(parts: readonly ColumnData[], action: (part: ColumnData, at: number) => void): void {
  let at = 0;
  for (const part of parts) {
    action(part, at);
    at += part.length;
  }
}

function concatValidity(parts: readonly ColumnData[], length: number): Uint8Array | undefined {
  if (parts.every((part) => part.validity === undefined)) return undefined;
  const validity = new Uint8Array(bitmapBytes(length));
  eachPart(parts, (part, at) => {
    appendBits(validity, at, part.validity, part.length);
  });
  return validity;
}

function concatVariable(parts: readonly ColumnData[], length: number, type: ValueArrayType): { offsets: Int32Array; values: ValueArray } {
  const spans = parts.map(usedValues);
  const values = new type(spans.reduce((sum, span) => sum + span.length, 0));
  const offsets = new Int32Array(length + 1);
  let base = 0;
  eachPart(parts, (part, at) => {
    const from = part.offsets as Int32Array;
    const shift = base - (from[0] as number);
    for (let i = 1; i <= part.length; i++) offsets[at + i] = (from[i] as number) + shift;
    base = offsets[at + part.length] as number;
  });
  let at = 0;
  for (const span of spans) {
    copyBytes(bytesOf(values), at, bytesOf(span));
    at += span.byteLength;
  }
  return { offsets, values };
}

/** The part of a variable column's values that its offsets name. */
export function usedValues(data: ColumnData): ValueArray {
  const offsets = data.offsets as Int32Array;
  return (data.values as ValueArray).subarray(offsets[0], offsets[data.length]);
}

/** The same column with its strings as UTF-8. */
export function encodedData(data: ColumnData): ColumnData {
  return data.strings === undefined ? data : { length: data.length, validity: data.validity, strings: undefined, ...encodeTexts(data.strings) };
}

/** The same column in private memory. */
export function copyData(field: Field, data: ColumnData): ColumnData {
  if (data.strings !== undefined) return data;
  const type = arrayTypeOf(field.dtype);
  const used = data.offsets === undefined ? (data.values as ValueArray) : usedValues(data);
  const copy = privateCopy(used);
  const offsets = data.offsets && new Int32Array(data.length + 1);
  if (data.offsets && offsets) {
    const base = data.offsets[0] as number;
    for (let i = 0; i <= data.length; i++) offsets[i] = (data.offsets[i] as number) - base;
  }
  return {
    length: data.length,
    validity: data.validity && privateCopy(data.validity),
    strings: undefined,
    offsets,
    values: new type(copy.buffer, copy.byteOffset, used.length),
  };
}

/** A bitmap with zeros at `nulls`; undefined where there are none. */
export function validityOf(length: number, nulls: readonly number[]): Uint8Array | undefined {
  if (nulls.length === 0) return undefined;
  const bits = onesBitmap(length);
  for (const index of nulls) (bits[index >> 3] as number) &= ~(1 << (index & 7));
  return bits;
}
