import type { Tensor, Tfjs } from '../../model/tfjs-types.js';
import { rawBackend, rawEngine, type RawAttribute } from '../tfjs-internals.js';

/** A gradient that TensorFlow has a kernel for, where tfjs composes it of several. */
interface NativeGradient {
  /** tfjs's kernel whose gradient it is. */
  readonly of: string;
  /** TensorFlow's kernel. */
  readonly op: string;
  readonly saves: 'input' | 'output';
  /** Order of the kernel's inputs. */
  readonly order: 'dySaved' | 'savedDy';
  /** Attributes of the forward kernel, by name, with their defaults. */
  readonly floats?: Readonly<Record<string, number>>;
}

const gradients: readonly NativeGradient[] = [
  // Either does; where nothing else needs the input, TensorFlow fuses relu with the product or convolution before it.
  { of: 'Relu', op: 'ReluGrad', saves: 'output', order: 'dySaved' },
  { of: 'LeakyRelu', op: 'LeakyReluGrad', saves: 'input', order: 'dySaved', floats: { alpha: 0.2 } },
  { of: 'Sigmoid', op: 'SigmoidGrad', saves: 'output', order: 'savedDy' },
  { of: 'Tanh', op: 'TanhGrad', saves: 'output', order: 'savedDy' },
  { of: 'Softplus', op: 'SoftplusGrad', saves: 'input', order: 'dySaved' },
  { of: 'Rsqrt', op: 'RsqrtGrad', saves: 'output', order: 'savedDy' },
  { of: 'Sqrt', op: 'SqrtGrad', saves: 'output', order: 'savedDy' },
];

/** Puts these gradients into tfjs's registries. They are kernels without a gradient of their own: under a second tape tfjs's stay. */
export function installNativeGradients(tf: Tfjs): () => void {
  const undo = gradients.map((gradient) => install(tf, gradient));
  return () => {
    for (const each of undo) each();
  };
}

function install(tf: Tfjs, { of, op, saves, order, floats = {} }: NativeGradient): () => void {
  const original = tf.getGradient(of);
  const kernelName = `Millrace${op}`;
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs }) => {
      const { dy, saved } = inputs as unknown as { readonly dy: Tensor; readonly saved: Tensor };
      const backend = rawBackend(tf);
      const { binding } = backend;
      const attributes: RawAttribute[] = [{ name: 'T', type: binding.TF_ATTR_TYPE, value: 1 }];
      for (const [name, value] of Object.entries(attrs ?? {})) attributes.push({ name, type: binding.TF_ATTR_FLOAT, value });
      return backend.executeSingleOutput(op, attributes, order === 'dySaved' ? [dy, saved] : [saved, dy]);
    },
  });
  const needs = { input: original.inputsToSave !== undefined, output: original.outputsToSave !== undefined };
  tf.registerGradient({
    kernelName: of,
    ...(saves === 'input' || needs.input ? { inputsToSave: ['x'] } : {}),
    ...(saves === 'output' || needs.output ? { outputsToSave: [true] } : {}),
    gradFunc: (dy, saved, attrs) => {
      // Inputs come before outputs.
      const [x, y] = [saved[0]!, saved.at(-1)!];
      const isDifferentiated = rawEngine(tf).state.gradientDepth > 0;
      if (isDifferentiated) return original.gradFunc(dy, [...(needs.input ? [x] : []), ...(needs.output ? [y] : [])], attrs);
      const given = attrs as Readonly<Record<string, number | undefined>>;
      const passed = Object.fromEntries(Object.entries(floats).map(([name, value]) => [name, given[name] ?? value]));
      const compute = (): Tensor => rawEngine(tf).runKernel(kernelName, { dy, saved: saves === 'input' ? x : y }, passed) as Tensor;
      return { x: compute };
    },
  });
  return () => {
    tf.unregisterKernel(kernelName, 'tensorflow');
    tf.unregisterGradient(of);
    tf.registerGradient(original);
  };
}
