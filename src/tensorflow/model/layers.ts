import { MillraceError } from '../../core/errors.js';
import type { Layer, Tfjs } from './tfjs-types.js';

/**
 * A tensor of a model that is being defined: shape and how it is made, no TensorFlow. Layers are functions from symbolic
 * tensors to symbolic tensors; a session turns the graph into a tf.LayersModel. `W` is the last dimension where it is a
 * literal.
 */
export interface SymbolicTensor<W extends number = number> {
  /** Shape of one row: without the batch dimension. */
  readonly shape: readonly number[];
  readonly origin: Origin;
  /** What a sigmoid or softmax was applied to: lets a cross-entropy work on logits. */
  readonly logits?: SymbolicTensor;
  /** Never set: carries W for the compiler. */
  readonly _width?: W;
}

export type Origin =
  | { readonly kind: 'input'; readonly name: string; readonly dtype: 'float32' | 'int32' }
  | { readonly kind: 'layer'; readonly create: (tf: Tfjs) => Layer; readonly inputs: readonly SymbolicTensor[] };

export type Activation =
  'elu' | 'gelu' | 'hardSigmoid' | 'linear' | 'mish' | 'relu' | 'relu6' | 'selu' | 'sigmoid' | 'softmax' | 'softplus' | 'softsign' | 'swish' | 'tanh';

type DenseConfig = Omit<Parameters<Tfjs['layers']['dense']>[0], 'units' | 'activation' | 'name' | 'inputShape' | 'batchInputShape'>;
type BatchNormConfig = Omit<NonNullable<Parameters<Tfjs['layers']['batchNormalization']>[0]>, 'name' | 'axis'>;
type LayerNormConfig = Omit<NonNullable<Parameters<Tfjs['layers']['layerNormalization']>[0]>, 'name' | 'axis'>;
type RecurrentConfig = Omit<Parameters<Tfjs['layers']['lstm']>[0], 'units' | 'name' | 'returnSequences' | 'returnState' | 'stateful' | 'cell'> & {
  readonly returnSequences?: boolean;
};

/**
 * Any tf.layers layer, for those without a function of their own here.
 *
 * @param create called when a session opens, once per session
 * @param shape of one row of its output
 */
export function layer<const S extends readonly number[]>(
  create: (tf: Tfjs) => Layer,
  shape: S,
  inputs: SymbolicTensor | readonly SymbolicTensor[],
): SymbolicTensor<LastOf<S>> {
  return { shape, origin: { kind: 'layer', create, inputs: Array.isArray(inputs) ? (inputs as readonly SymbolicTensor[]) : [inputs as SymbolicTensor] } };
}

type LastOf<S extends readonly number[]> = S extends readonly [...(readonly number[]), infer L extends number] ? L : number;

/** A fully connected layer over the last dimension. */
export function dense<const U extends number>(units: U, activation: Activation, input: SymbolicTensor, config: DenseConfig = {}): SymbolicTensor<U> {
  const shape = [...input.shape.slice(0, -1), units];
  const linear = layer((tf) => tf.layers.dense({ ...config, units }), shape, input) as SymbolicTensor<U>;
  return activation === 'linear' ? linear : activate(activation, linear);
}

/** An activation by itself. */
export function activate<W extends number>(activation: Activation, input: SymbolicTensor<W>): SymbolicTensor<W> {
  const made = keepShape(input, (tf) => tf.layers.activation({ activation: tfjsActivation(activation) }));
  return activation === 'sigmoid' || activation === 'softmax' ? { ...made, logits: input } : made;
}

function tfjsActivation(activation: Activation): NonNullable<Parameters<Tfjs['layers']['dense']>[0]['activation']> {
  return activation;
}

function keepShape<W extends number>(input: SymbolicTensor<W>, create: (tf: Tfjs) => Layer, inputs: readonly SymbolicTensor[] = [input]): SymbolicTensor<W> {
  return { shape: input.shape, origin: { kind: 'layer', create, inputs } };
}

/** Joins tensors along the last dimension. */
export function concat(inputs: readonly SymbolicTensor[]): SymbolicTensor {
  const first = someInput('concat', inputs);
  if (inputs.length === 1) return first;
  const lead = first.shape.slice(0, -1);
  for (const { shape } of inputs)
    if (String(shape.slice(0, -1)) !== String(lead))
      throw invalid(`concat joins [${String(first.shape)}] and [${String(shape)}]: all dimensions but the last must agree; flatten() them first`);
  const width = inputs.reduce((sum, { shape }) => sum + (shape.at(-1) as number), 0);
  return layer((tf) => tf.layers.concatenate({ axis: -1 }), [...lead, width], inputs);
}

/** Elementwise sum of tensors of one shape. */
export function add<W extends number>(inputs: readonly SymbolicTensor<W>[]): SymbolicTensor<W> {
  return merge('add', inputs, (tf) => tf.layers.add());
}

/** Elementwise product of tensors of one shape. */
export function multiply<W extends number>(inputs: readonly SymbolicTensor<W>[]): SymbolicTensor<W> {
  return merge('multiply', inputs, (tf) => tf.layers.multiply());
}

function merge<W extends number>(what: string, inputs: readonly SymbolicTensor<W>[], create: (tf: Tfjs) => Layer): SymbolicTensor<W> {
  const first = someInput(what, inputs);
  for (const { shape } of inputs)
    if (String(shape) !== String(first.shape)) throw invalid(`${what} takes tensors of one shape, got [${String(first.shape)}] and [${String(shape)}]`);
  return keepShape(first, create, inputs);
}

/** Sets a share `rate` of values to 0 while training; nothing while predicting. */
export function dropout<W extends number>(rate: number, input: SymbolicTensor<W>): SymbolicTensor<W> {
  return keepShape(input, (tf) => tf.layers.dropout({ rate }));
}

/** Batch normalization (https://arxiv.org/abs/1502.03167); its moving averages are variables that no gradient moves. */
export function batchNorm<W extends number>(input: SymbolicTensor<W>, config: BatchNormConfig = {}): SymbolicTensor<W> {
  return keepShape(input, (tf) => tf.layers.batchNormalization({ ...config, axis: -1 }));
}

/** Layer normalization (https://arxiv.org/abs/1607.06450) over the last dimension. */
export function layerNorm<W extends number>(input: SymbolicTensor<W>, config: LayerNormConfig = {}): SymbolicTensor<W> {
  return keepShape(input, (tf) => tf.layers.layerNormalization({ ...config, axis: -1 }));
}

/** One dimension per row. */
export function flatten(input: SymbolicTensor): SymbolicTensor {
  return input.shape.length === 1 ? input : layer((tf) => tf.layers.flatten(), [sizeOf(input.shape)], input);
}

/** The same values in another shape per row. */
export function reshape<const S extends readonly number[]>(shape: S, input: SymbolicTensor): SymbolicTensor<LastOf<S>> {
  if (sizeOf(shape) !== sizeOf(input.shape))
    throw invalid(`reshape to [${String(shape)}] holds ${sizeOf(shape)} values, [${String(input.shape)}] holds ${sizeOf(input.shape)}`);
  return layer((tf) => tf.layers.reshape({ targetShape: [...shape] }), shape, input);
}

/** A long short-term memory over [steps, features]. */
export function lstm<const U extends number>(units: U, input: SymbolicTensor, config: RecurrentConfig = {}): SymbolicTensor<U> {
  return recurrent('lstm', units, input, config, (tf) => tf.layers.lstm({ ...config, units }));
}

/** A gated recurrent unit over [steps, features]. */
export function gru<const U extends number>(units: U, input: SymbolicTensor, config: RecurrentConfig = {}): SymbolicTensor<U> {
  return recurrent('gru', units, input, config, (tf) => tf.layers.gru({ ...config, units }));
}

function recurrent<U extends number>(what: string, units: U, input: SymbolicTensor, config: RecurrentConfig, create: (tf: Tfjs) => Layer): SymbolicTensor<U> {
  if (input.shape.length !== 2) throw invalid(`${what} takes [steps, features] per row, got [${String(input.shape)}]; reshape() it first`);
  const shape = config.returnSequences === true ? [input.shape[0] as number, units] : [units];
  return { shape, origin: { kind: 'layer', create, inputs: [input] } };
}

/** A learned vector per integer 0..rows-1: [1] -> [dim]. */
export function embed<const D extends number>(rows: number, dim: D, input: SymbolicTensor): SymbolicTensor<D> {
  const looked = layer((tf) => tf.layers.embedding({ inputDim: rows, outputDim: dim }), [...input.shape, dim], input);
  return (input.shape.length === 1 && input.shape[0] === 1 ? flatten(looked) : looked) as SymbolicTensor<D>;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

function someInput<T>(what: string, inputs: readonly T[]): T {
  const first = inputs[0];
  if (first === undefined) throw invalid(`${what} needs at least one tensor`);
  return first;
}

function invalid(message: string): MillraceError {
  return new MillraceError('MODEL_INVALID', message);
}
