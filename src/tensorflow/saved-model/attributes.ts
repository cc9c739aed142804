import { MillraceError } from '../../core/index.js';
import { bytesOf, checkTensorValue, stringBytes, type NumericData } from '../tensor-data.js';
import { tensorDtypes, type TensorDtype, type TensorValue } from '../tensor-value.js';
import { AttrValue_ListValue, type AttrValue, type TensorProto, type TensorShapeProto } from './generated/tensorflow.js';

/** dtypes of graph edges: those of tensors outside a graph, and handles that never leave it. */
export type GraphDtype = TensorDtype | 'resource' | 'variant' | 'complex64' | 'complex128' | 'bfloat16';

const otherDtypes = Object.freeze({ complex64: 8, complex128: 18, bfloat16: 14, resource: 20, variant: 21 });

/** TF_DataType of a dtype's name. @throws MODEL_INVALID for an unknown name */
export function dtypeNumber(dtype: GraphDtype): number {
  const number = { ...tensorDtypes, ...otherDtypes }[dtype];
  if (number === undefined) throw new MillraceError('MODEL_INVALID', `unknown dtype ${dtype}`);
  return number;
}

/** Unknown dimensions are -1; undefined is an unknown rank. */
export function shapeProto(shape: readonly number[] | undefined): TensorShapeProto {
  if (shape === undefined) return { dim: [], unknownRank: true };
  return { dim: shape.map((size) => ({ size: BigInt(size) })), unknownRank: false };
}

/** @throws SHAPE_MISMATCH where data and shape disagree */
export function tensorProto(value: TensorValue): TensorProto {
  checkTensorValue(value, 'constant');
  const shared = { dtype: tensorDtypes[value.dtype], tensorShape: shapeProto(value.shape) };
  if (value.dtype === 'string') {
    return { ...shared, tensorContent: new Uint8Array(), stringVal: (value.data as readonly (Uint8Array | string)[]).map(stringBytes) };
  }
  return { ...shared, tensorContent: bytesOf(value.data as NumericData), stringVal: [] };
}

const list = (part: Partial<AttrValue_ListValue>): AttrValue => ({
  value: { $case: 'list', value: { s: [], i: [], f: [], b: [], type: [], shape: [], tensor: [], func: [], ...part } },
});

/** Makes attribute values; the kinds are those of TensorFlow's operation definitions. */
export const attr = Object.freeze({
  type: (dtype: GraphDtype): AttrValue => ({ value: { $case: 'type', value: dtypeNumber(dtype) } }),
  shape: (shape: readonly number[] | undefined): AttrValue => ({ value: { $case: 'shape', value: shapeProto(shape) } }),
  int: (value: number | bigint): AttrValue => ({ value: { $case: 'i', value: BigInt(value) } }),
  float: (value: number): AttrValue => ({ value: { $case: 'f', value } }),
  bool: (value: boolean): AttrValue => ({ value: { $case: 'b', value } }),
  string: (value: string | Uint8Array): AttrValue => ({ value: { $case: 's', value: stringBytes(value) } }),
  tensor: (value: TensorValue): AttrValue => ({ value: { $case: 'tensor', value: tensorProto(value) } }),
  function: (name: string): AttrValue => ({ value: { $case: 'func', value: { name, attr: {} } } }),
  types: (dtypes: readonly GraphDtype[]): AttrValue => list({ type: dtypes.map(dtypeNumber) }),
  shapes: (shapes: readonly (readonly number[] | undefined)[]): AttrValue => list({ shape: shapes.map(shapeProto) }),
  ints: (values: readonly (number | bigint)[]): AttrValue => list({ i: values.map(BigInt) }),
  floats: (values: readonly number[]): AttrValue => list({ f: [...values] }),
  bools: (values: readonly boolean[]): AttrValue => list({ b: [...values] }),
  strings: (values: readonly (string | Uint8Array)[]): AttrValue => list({ s: values.map(stringBytes) }),
});

export type { AttrValue };
