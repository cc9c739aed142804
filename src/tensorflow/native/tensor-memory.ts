import { MillraceError } from '../../core/index.js';
import { arrayTypes, bytesOf, dtypeOf, elementCount, type NumericData } from '../tensor-data.js';
import { tensorDtypes, type TensorValue } from '../tensor-value.js';
import { addressOf, type CApi, type Pointer } from './c-api.js';
import { newStringTensor, readStringTensor } from './string-tensor.js';

/** Alignment at which TensorFlow takes foreign memory as it is (EIGEN_MAX_ALIGN_BYTES). */
const alignmentBytes = 64n;

/** Below this a copy costs less than the care around somebody else's memory. */
const minAliasBytes = 4096;

export type FeedMode = 'copy' | 'alias';

/** True where TensorFlow could read the value's memory in place during a call: large, aligned, shared. */
export function canAlias(value: TensorValue): boolean {
  if (value.dtype === 'string') return false;
  const data = value.data as NumericData;
  // A plain ArrayBuffer can be transferred away, and freed, while an asynchronous call reads it.
  return data.byteLength >= minAliasBytes && data.buffer instanceof SharedArrayBuffer && addressOf(data) % alignmentBytes === 0n;
}

/**
 * A TF_Tensor with the value's contents. The caller deletes it.
 *
 * `alias`: the tensor reads the value's memory in place, so that memory must stay alive and unchanged until every call
 * with the tensor has ended and nothing in a graph may keep it. `copy`: TensorFlow owns a copy.
 */
export function newTensor(api: CApi, value: TensorValue, mode: FeedMode): Pointer {
  const dtype = tensorDtypes[value.dtype];
  const dims = BigInt64Array.from(value.shape, BigInt);
  if (value.dtype === 'string') return newStringTensor(api, dtype, dims, value.data as readonly (Uint8Array | string)[]);
  const bytes = bytesOf(value.data as NumericData);
  const tensor =
    mode === 'alias'
      ? api.newTensor(dtype, dims, dims.length, bytes, bytes.byteLength, api.doNothing, null)
      : api.allocateTensor(dtype, dims, dims.length, bytes.byteLength);
  if (tensor === null) throw new MillraceError('RESOURCE_EXHAUSTED', `tensor of ${bytes.byteLength} bytes: TensorFlow could not allocate it`);
  if (mode === 'copy' && bytes.byteLength > 0) api.copy(api.tensorData(tensor), bytes, bytes.byteLength);
  return tensor;
}

/** Copies a TF_Tensor's contents out; the tensor stays the caller's. @throws UNSUPPORTED for dtypes that stay inside graphs */
export function readTensor(api: CApi, tensor: Pointer, where: () => string): TensorValue {
  const number = api.tensorType(tensor);
  const dtype = dtypeOf(number);
  if (dtype === undefined)
    throw new MillraceError('UNSUPPORTED', `${where()}: TF_DataType ${number} does not leave the graph; cast it inside`, { details: { number } });
  const shape = Array.from({ length: api.numDims(tensor) }, (_, i) => Number(api.dim(tensor, i)));
  const count = elementCount(shape);
  const from = api.tensorData(tensor);
  if (dtype === 'string') return { dtype, shape, data: count === 0 || from === null ? [] : readStringTensor(api, from, count) };
  const data = new arrayTypes[dtype](count);
  const bytes = Number(api.tensorByteSize(tensor));
  if (bytes !== data.byteLength) throw new MillraceError('INTERNAL', `${where()}: ${bytes} bytes for ${count} elements of ${dtype}`);
  if (bytes > 0) api.copy(bytesOf(data), from, bytes);
  return { dtype, shape, data };
}
