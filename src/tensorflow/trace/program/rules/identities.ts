import { specOf, type ProgramNode, type Value } from '../program.js';
import { attr } from '../../../saved-model/index.js';
import type { Rule } from '../rewrite.js';
import { sameShape } from './reshape.js';

/** Casts to the dtype that is there, transpositions that move nothing, means and sums over no axis. */
export const noOperations: Rule = ({ op, inputs, outputs }) => {
  const [input] = inputs;
  if (input === undefined) return undefined;
  const spec = specOf(input);
  if (op === 'Cast') return spec.dtype === outputs[0]?.dtype ? [input] : undefined;
  const data = inputs[1]?.node.constant?.data as Int32Array | undefined;
  if (op === 'Transpose') return data?.every((axis, i) => axis === i) === true ? [input] : undefined;
  if (op === 'Mean' || op === 'Sum' || op === 'Max') return data?.length === 0 || spec.shape?.length === 0 ? [input] : undefined;
  return undefined;
};

/** x * 1 and x / 1; where the ones broadcast x, a broadcast. tfjs's gradients of sums and means are such products. */
export const ones: Rule = ({ op, inputs, outputs, scope }, builder) => {
  if (op !== 'Mul' && op !== 'RealDiv') return undefined;
  const [a, b] = inputs as [Value, Value];
  const pairs: readonly (readonly [Value, Value])[] = op === 'Mul' ? [[a, b], [b, a]] : [[a, b]]; // prettier-ignore
  for (const [x, one] of pairs) {
    if (!isOnes(one.node)) continue;
    if (sameShape(specOf(x).shape, outputs[0]!.shape)) return [x];
    const dims = one.node.op === 'Fill' && sameShape(specOf(one).shape, outputs[0]!.shape) ? one.node.inputs[0]! : undefined;
    if (dims === undefined) continue;
    const attrs = { T: attr.type(outputs[0]!.dtype), Tidx: attr.type('int32') };
    return [builder.value({ op: 'BroadcastTo', inputs: [x, dims], attrs, scope, outputs: [outputs[0]!] })];
  }
  return undefined;
};

function isOnes({ op, inputs, constant }: ProgramNode): boolean {
  if (op === 'Fill') return isOnes(inputs[1]!.node);
  return constant !== undefined && constant.dtype !== 'string' && constant.data.length > 0 && (constant.data as Float32Array).every((value) => value === 1);
}
