import { attr } from '../../../saved-model/index.js';
import { specOf, type Value } from '../program.js';
import type { Rule } from '../rewrite.js';
import { sameShape } from './reshape.js';

const elementwise: ReadonlySet<string> = new Set(['Mul', 'RealDiv', 'Add', 'AddV2', 'Sub', 'Maximum', 'Minimum']);

/**
 * An elementwise operation on a broadcast value broadcasts by itself where its other operand has the whole shape; where
 * that is a scalar, the operation comes first, on the small value. Gradients of means are made of these.
 */
export const broadcasts: Rule = (node, builder) => {
  const { op, inputs, attrs, scope } = node;
  if (!elementwise.has(op)) return undefined;
  const output = node.outputs[0]!;
  for (const [at, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    // prettier-ignore
    const [wide, beside] = [inputs[at]!, inputs[other]!];
    if (wide.node.op !== 'BroadcastTo') continue;
    const [small, dims] = wide.node.inputs as [Value, Value];
    const operands = at === 0 ? [small, beside] : [beside, small];
    if (sameShape(specOf(beside).shape, output.shape)) return [builder.value({ op, inputs: operands, attrs, scope, outputs: [output] })];
    if (specOf(beside).shape?.length !== 0 || !sameShape(specOf(wide).shape, output.shape)) continue;
    const made = builder.value({ op, inputs: operands, attrs, scope, outputs: [{ dtype: output.dtype, shape: specOf(small).shape }] });
    return [
      builder.value({ op: 'BroadcastTo', inputs: [made, dims], attrs: { T: attr.type(output.dtype), Tidx: attr.type('int32') }, scope, outputs: [output] }),
    ];
  }
  return undefined;
};
