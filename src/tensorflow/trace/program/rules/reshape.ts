import { attr } from '../../../saved-model/index.js';
import { specOf, type ProgramBuilder, type Value } from '../program.js';
import type { Rule } from '../rewrite.js';

const int32 = attr.type('int32');

/** True where two shapes are the same whatever the batch size: equal, with at most one dimension that follows it. */
export function sameShape(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  return a.every((size, i) => size === b[i]) && a.filter((size) => size < 0).length <= 1;
}

/** Whether a reshape can be told its target by a constant: one dimension at most is what remains, and it can be inferred. */
export function isTarget(shape: readonly number[]): boolean {
  return shape.filter((size) => size < 0).length <= 1 && !shape.includes(0);
}

/** `value` in another shape of the same size that is a target. */
export function reshaped(builder: ProgramBuilder, value: Value, shape: readonly number[], scope: readonly string[]): Value {
  // A reshape of a reshape is the outer one.
  const from = value.node.op === 'Reshape' ? value.node.inputs[0]! : value;
  const { dtype, shape: known } = specOf(from);
  if (sameShape(known, shape)) return from;
  return builder.value({
    op: 'Reshape',
    inputs: [from, builder.int32(shape)],
    attrs: { T: attr.type(dtype), Tshape: int32 },
    scope,
    outputs: [{ dtype, shape }],
  });
}

/** One reshape for a chain of them, none for those that change nothing, and a shape that is a constant: -1 is the batch. */
export const reshapes: Rule = ({ op, inputs, outputs, scope }, builder) => {
  const shape = outputs[0]?.shape;
  if (op !== 'Reshape' || shape === undefined || !isTarget(shape)) return undefined;
  return [reshaped(builder, inputs[0]!, shape, scope)];
};

/** Dimensions of size 1 added or taken away are reshapes, too. */
export const unitDimensions: Rule = (node, builder) =>
  node.op === 'ExpandDims' || node.op === 'Squeeze' ? reshapes({ ...node, op: 'Reshape' }, builder) : undefined;
