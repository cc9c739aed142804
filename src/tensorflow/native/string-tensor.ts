import { MillraceError } from '../../core/index.js';
import { stringBytes } from '../tensor-data.js';
import type { CApi, Pointer } from './c-api.js';

/*
 * TF_TString is 24 bytes (tsl/platform/ctstring_internal.h). The low two bits of the first byte say which kind it is:
 *
 *   0 small    [len << 2][22 bytes inline, NUL]
 *   1 large    [size << 2 | 1 : 8][capacity : 8][pointer : 8]   owned by malloc
 *   2 offset   [size << 2 | 2 : 4][offset : 4][count : 4]       the text lies `offset` bytes after this element
 *   3 view     [size << 2 | 3 : 8][pointer : 8][owner : 8]      the text is somebody else's
 */
const elementBytes = 24;
const maxSmall = 22;
const kinds = { small: 0, large: 1, offset: 2 } as const;

/**
 * A string tensor in memory that TensorFlow owns: the elements, and behind them the texts that are too long to lie inline.
 *
 * The whole tensor lives and dies as one block, also where a graph keeps it (a variable). Long texts are `large`, not
 * `view`, because a kernel that copies an element (into a lookup table) copies the text of a large one only; TensorFlow
 * does not run element destructors on blocks that came through the C API, so it never frees a text inside the block.
 */
export function newStringTensor(api: CApi, dtype: number, dims: BigInt64Array, data: readonly (Uint8Array | string)[]): Pointer {
  const texts = data.map(stringBytes);
  const tableBytes = texts.length * elementBytes;
  const blockBytes = texts.reduce((sum, text) => sum + (text.byteLength > maxSmall ? text.byteLength + 1 : 0), tableBytes);
  const tensor = api.allocateTensor(dtype, dims, dims.length, Math.max(blockBytes, 1));
  if (tensor === null) throw new MillraceError('RESOURCE_EXHAUSTED', `string tensor of ${blockBytes} bytes: TensorFlow could not allocate it`);
  if (texts.length === 0) return tensor;
  const base = api.tensorData(tensor) as Pointer;
  const block = Buffer.alloc(blockBytes);
  let end = tableBytes;
  texts.forEach((text, i) => {
    const at = i * elementBytes;
    if (text.byteLength <= maxSmall) {
      block[at] = (text.byteLength << 2) | kinds.small;
      block.set(text, at + 1);
      return;
    }
    block.writeBigUInt64LE((BigInt(text.byteLength) << 2n) | BigInt(kinds.large), at);
    block.writeBigUInt64LE(BigInt(text.byteLength), at + 8);
    block.writeBigUInt64LE(base + BigInt(end), at + 16);
    block.set(text, end);
    end += text.byteLength + 1;
  });
  api.copy(base, block, blockBytes);
  return tensor;
}

/** Copies the elements out; the tensor stays as it is. */
export function readStringTensor(api: CApi, data: Pointer, count: number): Buffer[] {
  const table = Buffer.alloc(count * elementBytes);
  if (count > 0) api.copy(table, data, table.byteLength);
  const texts: Buffer[] = [];
  for (let i = 0; i < count; i++) texts.push(readElement(api, table, i * elementBytes, data));
  return texts;
}

function readElement(api: CApi, table: Buffer, at: number, data: Pointer): Buffer {
  const kind = table.readUInt8(at) & 3;
  if (kind === kinds.small) return Buffer.from(table.subarray(at + 1, at + 1 + (table.readUInt8(at) >> 2)));
  if (kind === kinds.offset) return copyOut(api, data + BigInt(at) + BigInt(table.readUInt32LE(at + 4)), table.readUInt32LE(at) >>> 2);
  const bytes = Number(table.readBigUInt64LE(at) >> 2n);
  return copyOut(api, table.readBigUInt64LE(kind === kinds.large ? at + 16 : at + 8), bytes);
}

function copyOut(api: CApi, from: Pointer, bytes: number): Buffer {
  // Not from Buffer's pool: the text may outlive the batch by far.
  const text = Buffer.alloc(bytes);
  if (bytes > 0) api.copy(text, from, bytes);
  return text;
}
