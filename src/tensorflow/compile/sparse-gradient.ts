import { attr } from '../saved-model/index.js';
import { specOf, type Value } from '../trace/program/program.js';
import type { SparseRows, StepBuilder } from './optimizers/fused-optimizer.js';

const int32 = attr.type('int32');

/**
 * The rows behind a dense gradient that is a sum of scattered ones: what the gradient of a gather along the first
 * dimension is, also of several gathers. Undefined for any other gradient.
 */
export function sparseGradient(step: StepBuilder, gradient: Value, shape: readonly number[]): SparseRows | undefined {
  const parts = scattered(gradient, shape);
  if (parts === undefined) return undefined;
  const rows = parts.map(({ values, indices }) => ({ values: reshape(step, values, [-1, ...shape.slice(1)]), indices: reshape(step, indices, [-1]) }));
  const [first] = rows;
  if (rows.length === 1) return first;
  return {
    values: concat(
      step,
      rows.map(({ values }) => values),
    ),
    indices: concat(
      step,
      rows.map(({ indices }) => indices),
    ),
  };
}

/** The same rows with each index once: gradients of one index are summed. */
export function uniqueRows(step: StepBuilder, { values, indices }: SparseRows): SparseRows {
  const { builder } = step;
  const unique = builder.add({ op: 'Unique', inputs: [indices], attrs: { T: int32, out_idx: int32 }, scope, outputs: [specOf(indices), specOf(indices)] });
  const positions = { node: unique, index: 1 };
  const distinct = { node: unique, index: 0 };
  const count = builder.value({ op: 'Size', inputs: [distinct], attrs: { T: int32, out_type: int32 }, scope, outputs: [{ dtype: 'int32', shape: [] }] });
  const summed = builder.value({
    op: 'UnsortedSegmentSum',
    inputs: [values, positions, count],
    attrs: { T: attr.type('float32'), Tindices: int32, Tnumsegments: int32 },
    scope,
    outputs: [specOf(values)],
  });
  return { values: summed, indices: distinct };
}

const scope: readonly string[] = ['optimizer', 'rows'];

/** UnsortedSegmentSum(values, indices, rows of the variable), alone, reshaped, or added to others. */
function scattered({ node, index }: Value, shape: readonly number[]): SparseRows[] | undefined {
  if (index !== 0) return undefined;
  const inputs = node.inputs;
  switch (node.op) {
    case 'Reshape':
      return scattered(inputs[0]!, shape);
    case 'Add':
    case 'AddV2':
    case 'AddN': {
      const parts = inputs.map((each) => scattered(each, shape));
      return parts.every((each) => each !== undefined) ? parts.flat() : undefined;
    }
    case 'UnsortedSegmentSum': {
      const [values, indices, count] = inputs as [Value, Value, Value];
      const rows = count.node.constant?.data[0];
      const width = (size: readonly number[] | undefined): string => String(size);
      const isWholeRow = width(specOf(values).shape?.slice(specOf(indices).shape?.length ?? 1)) === width(shape.slice(1));
      return rows === shape[0] && isWholeRow ? [{ values, indices }] : undefined;
    }
    default:
      return undefined;
  }
}

function reshape({ builder }: StepBuilder, value: Value, shape: readonly number[]): Value {
  const { dtype, shape: known } = specOf(value);
  if (known?.length === shape.length) return value;
  return builder.value({
    op: 'Reshape',
    inputs: [value, builder.int32(shape)],
    attrs: { T: attr.type(dtype), Tshape: int32 },
    scope,
    outputs: [{ dtype, shape }],
  });
}

function concat({ builder }: StepBuilder, values: readonly Value[]): Value {
  const { dtype, shape } = specOf(values[0]!);
  return builder.value({
    op: 'ConcatV2',
    inputs: [...values, builder.int32([0], [])],
    attrs: { N: attr.int(values.length), T: attr.type(dtype), Tidx: int32 },
    scope,
    outputs: [{ dtype, shape: [-1, ...(shape ?? []).slice(1)] }],
  });
}
