import { MillraceError } from '../../../core/errors.js';
import { attr, type AttrValue } from '../../saved-model/index.js';
import { dtypeOf } from '../../tensor-data.js';
import type { TensorDtype, TensorValue } from '../../tensor-value.js';
import type { GeneralStep } from '../generalize.js';
import { scopeText, type ConstantStep } from '../recording.js';
import { tfjsDtype } from '../sample.js';
import type { RawAttribute, RawBinding } from '../tfjs-internals.js';
import { BatchSize } from './batch-size.js';
import { leafOps, ProgramBuilder, specOf, type Program, type Value, type ValueSpec } from './program.js';
import { addRandom } from './random-nodes.js';
import { pruned } from './rewrite.js';

export interface ProgramSource {
  readonly steps: readonly GeneralStep[];
  /** In order; ids are those of the first recording. */
  readonly inputs: readonly { readonly id: number; readonly spec: ValueSpec }[];
  readonly variables: readonly { readonly id: number; readonly spec: ValueSpec }[];
  readonly outputs: readonly number[];
  /** New values of variables, by number. */
  readonly assigned: readonly { readonly variable: number; readonly id: number }[];
  /** The input whose first dimension is the batch. */
  readonly batchInput: number | undefined;
  readonly binding: RawBinding;
  /** Seed of random operations whose caller gave none; undefined for another sequence in each session. */
  readonly seed: number | undefined;
}

/** The program of a generalized recording; `assigned` values follow its outputs. */
export function buildProgram(source: ProgramSource): Program {
  const builder = new ProgramBuilder();
  const values = new Map<number, Value>();
  const inputs = source.inputs.map(({ id, spec }, leaf) => {
    const value = builder.value({ op: leafOps.input, leaf, outputs: [spec] });
    values.set(id, asTfjs(builder, value));
    return value;
  });
  source.variables.forEach(({ id, spec }, leaf) => values.set(id, builder.value({ op: leafOps.read, leaf, outputs: [spec] })));
  const batch = new BatchSize(builder, source.batchInput === undefined ? undefined : inputs[source.batchInput]);
  source.steps.forEach((general, position) => {
    if (general.kind === 'operation') addOperation(builder, general, values, source.binding);
    else values.set(general.step.id, addValue(builder, general, batch, { seed: source.seed, position }));
  });
  const valueOf = (id: number): Value => values.get(id)!;
  return pruned({ nodes: builder.nodes, outputs: [...source.outputs.map(valueOf), ...source.assigned.map(({ id }) => valueOf(id))], effects: [] });
}

/** tfjs has fewer dtypes than graphs: an input is cast to the one that the function saw. */
function asTfjs(builder: ProgramBuilder, value: Value): Value {
  const { dtype, shape } = specOf(value);
  const target = tfjsDtype(dtype as TensorDtype, 'input');
  if (target === dtype) return value;
  const attrs = { SrcT: attr.type(dtype), DstT: attr.type(target), Truncate: attr.bool(false) };
  return builder.value({ op: 'Cast', inputs: [value], attrs, scope: ['inputs'], outputs: [{ dtype: target, shape }] });
}

function addOperation(builder: ProgramBuilder, general: Extract<GeneralStep, { kind: 'operation' }>, values: Map<number, Value>, binding: RawBinding): void {
  const { step, shapes } = general;
  const scope = step.scope;
  const attrs = Object.fromEntries(step.attributes.map((attribute) => [attribute.name, attributeValue(attribute, binding, step.op, scope)]));
  const outputs = step.outputs.map(({ dtype }, i): ValueSpec => ({ dtype: tensorDtype(dtype, scope), shape: shapes[i] }));
  const node = builder.add({ op: step.op, attrs, inputs: step.inputs.map((id) => values.get(id)!), scope, outputs });
  step.outputs.forEach(({ id }, index) => values.set(id, { node, index }));
}

function attributeValue({ name, type, value }: RawAttribute, binding: RawBinding, op: string, scope: readonly string[]): AttrValue {
  const isList = Array.isArray(value);
  if (type === binding.TF_ATTR_TYPE && typeof value === 'number') return attr.type(tensorDtype(value, scope));
  if (type === binding.TF_ATTR_BOOL && !isList) return attr.bool(value as boolean);
  if (type === binding.TF_ATTR_STRING && !isList) return attr.string(value as string);
  if (type === binding.TF_ATTR_SHAPE && isList) return attr.shape(value as number[]);
  // The binding cuts fractions off (tf.multinomial's seeds are some).
  if (type === binding.TF_ATTR_INT) return isList ? attr.ints((value as number[]).map(Math.trunc)) : attr.int(Math.trunc(value as number));
  if (type === binding.TF_ATTR_FLOAT) return isList ? attr.floats(value as number[]) : attr.float(value as number);
  throw new MillraceError('UNSUPPORTED', `tracing: ${scopeText(scope)}: ${op}: attribute ${name} is of a kind that a graph cannot take yet`);
}

interface RandomContext {
  readonly seed: number | undefined;
  /** Position of the step: random operations of one program draw apart. */
  readonly position: number;
}

function addValue(builder: ProgramBuilder, general: Exclude<GeneralStep, { kind: 'operation' }>, batch: BatchSize, random: RandomContext): Value {
  const { step } = general;
  switch (general.kind) {
    case 'constant':
      return builder.constant(constantValue(step), step.scope);
    case 'integers':
      return step.shape.length === 1 ? batch.integers(general.entries) : batch.integer(general.entries[0]!);
    case 'scalar':
      return batch.scalar(general.value, step.shape, general.reciprocal);
    case 'fill': {
      const { dtype } = constantValue(step);
      const value = builder.constant({ dtype, shape: [], data: filled(dtype, general.value) });
      return builder.value({
        op: 'Fill',
        inputs: [batch.integers(general.shape), value],
        attrs: { T: attr.type(dtype), index_type: attr.type('int32') },
        scope: step.scope,
        outputs: [{ dtype, shape: batch.shapeOf(general.shape) }],
      });
    }
    case 'rows': {
      const row = builder.constant(constantValue(general.row), step.scope);
      const { dtype } = specOf(row);
      return builder.value({
        op: 'BroadcastTo',
        inputs: [row, batch.integers(general.shape)],
        attrs: { T: attr.type(dtype), Tidx: attr.type('int32') },
        scope: step.scope,
        outputs: [{ dtype, shape: batch.shapeOf(general.shape) }],
      });
    }
    case 'range': {
      const { dtype } = constantValue(step);
      return batch.range(general, dtype, step.scope);
    }
    case 'random':
      return addRandom(builder, general, { shape: batch.integers(general.shape), outputShape: batch.shapeOf(general.shape), ...random });
  }
}

function constantValue({ dtype, shape, values, scope }: ConstantStep): TensorValue {
  const name = tensorDtype(dtype, scope);
  if (name === 'float32') return { dtype: name, shape, data: Float32Array.from(values as Float32Array) };
  if (name === 'int32') return { dtype: name, shape, data: Int32Array.from(values as Int32Array) };
  if (name === 'bool') return { dtype: name, shape, data: Uint8Array.from(values as Uint8Array) };
  if (name === 'string') return { dtype: name, shape, data: [...(values as readonly Uint8Array[])] };
  if (name === 'int64') return { dtype: name, shape, data: BigInt64Array.from(values as unknown as BigInt64Array) };
  throw new MillraceError('UNSUPPORTED', `tracing: ${scopeText(scope)}: a constant of ${name} cannot be traced yet`);
}

function filled(dtype: TensorDtype, value: number): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return Float32Array.of(value);
  return dtype === 'int32' ? Int32Array.of(value) : Uint8Array.of(value);
}

function tensorDtype(number: number, scope: readonly string[]): TensorDtype {
  const dtype = dtypeOf(number);
  if (dtype === undefined) throw new MillraceError('UNSUPPORTED', `tracing: ${scopeText(scope)}: TF_DataType ${number} cannot be traced`);
  return dtype;
}
