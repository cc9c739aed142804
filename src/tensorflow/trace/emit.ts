import { MillraceError } from '../../core/errors.js';
import { attr, type AttrValue, type GraphDefBuilder, type GraphDtype } from '../saved-model/index.js';
import { dtypeOf } from '../tensor-data.js';
import type { TensorDtype, TensorValue } from '../tensor-value.js';
import type { Affine, GeneralStep } from './generalize.js';
import type { ConstantStep, OperationStep } from './recording.js';
import type { RawAttribute, RawBinding } from './tfjs-internals.js';

/** The batch size inside the graph, as int32 and as float32. */
export interface BatchNodes {
  readonly int: string;
  readonly float: string;
}

/** Adds the number of rows of a fed placeholder to the graph. */
export function addBatchSize(graph: GraphDefBuilder, placeholder: string, dtype: GraphDtype): BatchNodes {
  const int32 = attr.type('int32');
  graph.add({ name: 'batch/shape', op: 'Shape', inputs: [placeholder], attrs: { T: attr.type(dtype), out_type: int32 } });
  for (const [name, value] of [
    ['batch/begin', 0],
    ['batch/end', 1],
  ] as const)
    graph.constant(name, { dtype: 'int32', shape: [1], data: Int32Array.of(value) });
  const masks = { begin_mask: attr.int(0), end_mask: attr.int(0), ellipsis_mask: attr.int(0), new_axis_mask: attr.int(0), shrink_axis_mask: attr.int(1) };
  graph.add({
    name: 'batch/int',
    op: 'StridedSlice',
    inputs: ['batch/shape', 'batch/begin', 'batch/end', 'batch/end'],
    attrs: { T: int32, Index: int32, ...masks },
  });
  graph.add({ name: 'batch/float', op: 'Cast', inputs: ['batch/int'], attrs: { SrcT: int32, DstT: attr.type('float32'), Truncate: attr.bool(false) } });
  return { int: 'batch/int', float: 'batch/float' };
}

/**
 * Adds a generalized program to a graph.
 *
 * @param nodes where each native id of the first recording comes from; gains one entry per output
 */
export function emit(
  graph: GraphDefBuilder,
  steps: readonly GeneralStep[],
  { nodes, batch, binding }: { nodes: Map<number, string>; batch: BatchNodes; binding: RawBinding },
): void {
  for (const general of steps) {
    if (general.kind === 'operation') addOperation(graph, general.step, nodes, binding);
    else nodes.set(general.step.id, addValue(graph, general, batch));
  }
}

function addOperation(graph: GraphDefBuilder, step: OperationStep, nodes: Map<number, string>, binding: RawBinding): void {
  const inputs = step.inputs.map((id) => nodes.get(id) as string);
  const attrs = Object.fromEntries(step.attributes.map((attribute) => [attribute.name, attributeValue(attribute, binding, step)]));
  const name = graph.add({ name: graph.uniqueName(`op/${step.op}`), op: step.op, inputs, attrs });
  step.outputs.forEach(({ id }, i) => nodes.set(id, i === 0 ? name : `${name}:${i}`));
}

function attributeValue({ name, type, value }: RawAttribute, binding: RawBinding, step: OperationStep): AttrValue {
  const isList = Array.isArray(value);
  if (type === binding.TF_ATTR_TYPE && typeof value === 'number') return attr.type(graphDtype(value, step.scope));
  if (type === binding.TF_ATTR_BOOL && !isList) return attr.bool(value as boolean);
  if (type === binding.TF_ATTR_STRING && !isList) return attr.string(value as string);
  if (type === binding.TF_ATTR_SHAPE && isList) return attr.shape(value as number[]);
  if (type === binding.TF_ATTR_INT) return isList ? attr.ints(value as number[]) : attr.int(value as number);
  if (type === binding.TF_ATTR_FLOAT) return isList ? attr.floats(value as number[]) : attr.float(value as number);
  throw new MillraceError('UNSUPPORTED', `tracing: ${step.scope}: ${step.op}: attribute ${name} is of a kind that a graph cannot take yet`);
}

function addValue(graph: GraphDefBuilder, general: Exclude<GeneralStep, { kind: 'operation' }>, batch: BatchNodes): string {
  const { step } = general;
  switch (general.kind) {
    case 'constant':
      return graph.constant(graph.uniqueName('const'), constantValue(step));
    case 'integers': {
      const vector = affineIntegers(graph, general.entries, batch);
      return step.shape.length === 1 ? vector : reshape(graph, vector, 'int32', []);
    }
    case 'scalar':
      return affineScalar(graph, general.value, { shape: step.shape, reciprocal: general.reciprocal, batch });
    case 'fill': {
      const { dtype } = constantValue(step);
      const value = graph.constant(graph.uniqueName('fill/value'), { dtype, shape: [], data: filled(dtype, general.value) });
      return graph.add({
        name: graph.uniqueName('fill'),
        op: 'Fill',
        inputs: [affineIntegers(graph, general.shape, batch), value],
        attrs: { T: attr.type(dtype), index_type: attr.type('int32') },
      });
    }
  }
}

function affineIntegers(graph: GraphDefBuilder, entries: readonly Affine[], batch: BatchNodes): string {
  const name = graph.uniqueName('sized');
  const T = attr.type('int32');
  const vector = (data: readonly number[]): TensorValue => ({ dtype: 'int32', shape: [data.length], data: Int32Array.from(data) });
  graph.constant(`${name}/slopes`, vector(entries.map(({ slope }) => slope)));
  graph.constant(`${name}/offsets`, vector(entries.map(({ offset }) => Math.round(offset))));
  graph.add({ name: `${name}/product`, op: 'Mul', inputs: [`${name}/slopes`, batch.int], attrs: { T } });
  return graph.add({ name, op: 'AddV2', inputs: [`${name}/product`, `${name}/offsets`], attrs: { T } });
}

function affineScalar(
  graph: GraphDefBuilder,
  { slope, offset }: Affine,
  { shape, reciprocal, batch }: { shape: readonly number[]; reciprocal: boolean; batch: BatchNodes },
): string {
  const name = graph.uniqueName('scaled');
  const T = attr.type('float32');
  const scalar = (value: number): TensorValue => ({ dtype: 'float32', shape, data: Float32Array.of(value) });
  graph.constant(`${name}/slope`, scalar(slope));
  graph.constant(`${name}/offset`, scalar(offset));
  graph.add({ name: `${name}/product`, op: 'Mul', inputs: [`${name}/slope`, batch.float], attrs: { T } });
  graph.add({ name, op: 'AddV2', inputs: [`${name}/product`, `${name}/offset`], attrs: { T } });
  return reciprocal ? graph.add({ name: `${name}/reciprocal`, op: 'Reciprocal', inputs: [name], attrs: { T } }) : name;
}

/** `input` in another shape; -1 for the batch. */
export function reshape(graph: GraphDefBuilder, input: string, dtype: GraphDtype, shape: readonly number[]): string {
  const name = graph.uniqueName('reshape');
  graph.constant(`${name}/shape`, { dtype: 'int32', shape: [shape.length], data: Int32Array.from(shape) });
  return graph.add({ name, op: 'Reshape', inputs: [input, `${name}/shape`], attrs: { T: attr.type(dtype), Tshape: attr.type('int32') } });
}

function constantValue({ dtype, shape, values, scope }: ConstantStep): TensorValue {
  const name = graphDtype(dtype, scope);
  if (name === 'float32') return { dtype: name, shape, data: Float32Array.from(values as Float32Array) };
  if (name === 'int32') return { dtype: name, shape, data: Int32Array.from(values as Int32Array) };
  if (name === 'bool') return { dtype: name, shape, data: Uint8Array.from(values as Uint8Array) };
  throw new MillraceError('UNSUPPORTED', `tracing: ${scope}: a constant of ${name} cannot be traced yet`);
}

function filled(dtype: TensorDtype, value: number): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return Float32Array.of(value);
  return dtype === 'int32' ? Int32Array.of(value) : Uint8Array.of(value);
}

function graphDtype(number: number, scope: string): TensorDtype {
  const dtype = dtypeOf(number);
  if (dtype === undefined) throw new MillraceError('UNSUPPORTED', `tracing: ${scope}: TF_DataType ${number} cannot be traced`);
  return dtype;
}
