import { attr } from '../../../saved-model/index.js';
import { specOf, type ProgramBuilder, type ProgramNode, type Value } from '../program.js';
import type { Rule } from '../rewrite.js';
import { isTarget, reshaped } from './reshape.js';

/** Products of single matrices by the kernel for those: tfjs knows batches alone, some of one. */
export const singleMatrices: Rule = (node, builder) => {
  if (node.op !== 'BatchMatMulV2') return undefined;
  const [a, b] = node.inputs as [Value, Value];
  const [x, y] = [matrix(builder, a, node.scope), matrix(builder, b, node.scope)];
  const shape = node.outputs[0]?.shape;
  if (x === undefined || y === undefined || shape === undefined || (shape.length > 2 && !isTarget(shape))) return undefined;
  const { dtype } = node.outputs[0]!;
  const attrs = { T: attr.type(dtype), transpose_a: node.attrs['adj_x']!, transpose_b: node.attrs['adj_y']! };
  const product = builder.value({ op: 'MatMul', inputs: [x, y], attrs, scope: node.scope, outputs: [{ dtype, shape: shape.slice(-2) }] });
  return [shape.length === 2 ? product : reshaped(builder, product, shape, node.scope)];
};

/** A value of [1, ..., m, n] as [m, n]. */
function matrix(builder: ProgramBuilder, value: Value, scope: readonly string[]): Value | undefined {
  const { shape } = specOf(value);
  if (shape === undefined || shape.length < 2 || shape.slice(0, -2).some((size) => size !== 1)) return undefined;
  if (shape.length === 2) return value;
  return isTarget(shape.slice(-2)) ? reshaped(builder, value, shape.slice(-2), scope) : undefined;
}

/** The addition of a vector to the last dimension, which TensorFlow fuses with the product before it. */
export const biases: Rule = (node, builder) => {
  if (node.op !== 'Add' && node.op !== 'AddV2') return undefined;
  const { dtype, shape } = node.outputs[0]!;
  if (dtype !== 'float32' || shape === undefined) return undefined;
  const [a, b] = node.inputs as [Value, Value];
  for (const [x, bias] of [
    [a, b],
    [b, a],
  ] as const) {
    // prettier-ignore
    const biasShape = specOf(bias).shape;
    const inner = product(x);
    const innerShape = inner === undefined ? undefined : specOf(inner).shape;
    const size = biasShape?.at(-1);
    if (inner === undefined || innerShape === undefined || innerShape.length < 2 || innerShape.at(-1) !== size || size === undefined) continue;
    if (biasShape?.length !== 1 || specOf(x).shape?.length !== shape.length || !isTarget(shape)) continue;
    const added = builder.value({
      op: 'BiasAdd',
      inputs: [inner, bias],
      attrs: { T: attr.type(dtype), data_format: attr.string('NHWC') },
      scope: node.scope,
      outputs: [{ dtype, shape: innerShape }],
    });
    return [reshaped(builder, added, shape, node.scope)];
  }
  return node.op === 'Add' ? [builder.value({ ...node, op: 'AddV2' })] : undefined;
};

/** A product or convolution, seen through a reshape that adds dimensions of one. */
function product(value: Value): Value | undefined {
  const { node } = value;
  const inner = node.op === 'Reshape' ? node.inputs[0]! : value;
  const isAlike = (specOf(inner).shape?.at(-1) ?? -1) === (specOf(value).shape?.at(-1) ?? -2);
  return isAlike && isProduct(inner.node) ? inner : undefined;
}

function isProduct({ op }: ProgramNode): boolean {
  return op === 'MatMul' || op === 'BatchMatMulV2' || op === 'Conv2D' || op === 'DepthwiseConv2dNative';
}

/** A sum over all dimensions but the last, the gradient of a bias. */
export const biasGradients: Rule = ({ op, inputs, attrs, outputs, scope }, builder) => {
  if (op !== 'Sum') return undefined;
  const [x, axes] = inputs as [Value, Value];
  const { dtype, shape } = specOf(x);
  // tfjs's matrices are batches of one.
  const inner = x.node.op === 'Reshape' ? x.node.inputs[0]! : x;
  const innerShape = specOf(inner).shape;
  const from = innerShape !== undefined && innerShape.length >= 2 && innerShape.at(-1) === shape?.at(-1) ? inner : x;
  const keepsDims = attrs['keep_dims']?.value?.$case === 'b' && attrs['keep_dims'].value.value;
  const list = axes.node.constant?.data as Int32Array | undefined;
  if (dtype !== 'float32' || shape === undefined || shape.length < 2 || keepsDims || list === undefined) return undefined;
  const wanted = shape.slice(0, -1).map((_, axis) => axis);
  if (String([...list].sort((p, q) => p - q)) !== String(wanted)) return undefined;
  return [
    builder.value({ op: 'BiasAddGrad', inputs: [from], attrs: { T: attr.type(dtype), data_format: attr.string('NHWC') }, scope, outputs: [outputs[0]!] }),
  ];
};
