import { bytesOf, stringBytes, type NumericData } from '../tensor-data.js';
import type { TensorValue } from '../tensor-value.js';

/** Bit for bit: NaN equals the same NaN, -0 differs from 0. */
export function sameValue(a: TensorValue, b: TensorValue): boolean {
  if (a.dtype !== b.dtype || a.shape.length !== b.shape.length || a.shape.some((size, i) => size !== b.shape[i])) return false;
  if (a.dtype !== 'string') return Buffer.compare(bytesOf(a.data as NumericData), bytesOf(b.data as NumericData)) === 0;
  const texts = b.data as readonly (Uint8Array | string)[];
  return (a.data as readonly (Uint8Array | string)[]).every((text, i) => Buffer.compare(stringBytes(text), stringBytes(texts[i] ?? '')) === 0);
}
