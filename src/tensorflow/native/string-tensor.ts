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
 * A string tensor that TensorFlow owns. Texts that do not fit inline are `large`, each in a block of its own:
 * TF_DeleteTensor frees them with the tensor where nobody else holds it, and a kernel that copies an element (into a
 * lookup table) copies the text of a large one, but only the address of a view.
 */
export function newStringTensor(api: CApi, dtype: number, dims: BigInt64Array, data: readonly (Uint8Array | string)[]): Pointer {
  const table = Buffer.alloc(data.length * elementBytes);
  const tensor = api.allocateTensor(dtype, dims, dims.length, table.byteLength);
  if (tensor === null) throw new MillraceError('RESOURCE_EXHAUSTED', `tensor of ${data.length} strings: TensorFlow could not allocate it`);
  data.forEach((element, i) => {
    writeElement(api, table, i * elementBytes, stringBytes(element));
  });
  if (table.byteLength > 0) api.copy(api.tensorData(tensor), table, table.byteLength);
  return tensor;
}

function writeElement(api: CApi, table: Buffer, at: number, text: Uint8Array): void {
  if (text.byteLength <= maxSmall) {
    table[at] = (text.byteLength << 2) | kinds.small;
    table.set(text, at + 1);
    return;
  }
  // One byte more than the capacity: the terminating NUL that C++ expects to find.
  const block = api.allocate(text.byteLength + 1, 1);
  if (block === null) throw new MillraceError('RESOURCE_EXHAUSTED', `string of ${text.byteLength} bytes: no memory`);
  api.copy(block, text, text.byteLength);
  table.writeBigUInt64LE((BigInt(text.byteLength) << 2n) | BigInt(kinds.large), at);
  table.writeBigUInt64LE(BigInt(text.byteLength), at + 8);
  table.writeBigUInt64LE(block, at + 16);
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
