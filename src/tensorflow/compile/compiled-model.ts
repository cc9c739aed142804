import { MillraceError } from '../../core/errors.js';
import type { LayersModel, Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import { variableOf } from '../model/network.js';
import { isTensor } from '../trace/structure.js';
import { modelLoss, type ModelLoss } from './model-loss.js';

/** Tensors of a model: one, a list in the model's order, or by name. */
export type ModelTensors<T = Tensor> = T | readonly T[] | Readonly<Record<string, T>>;

/** A function of one's own in the place of a layers model. Its variables are the tf.Variables that it reads. */
export type ForwardFunction = (inputs: never, training: boolean) => unknown;

/** What can be compiled. */
export type CompilableModel = LayersModel | ForwardFunction;

/** A model as steps see it. */
export interface StepModel {
  readonly name: string;
  forward(inputs: unknown, training: boolean): unknown;
  /** The scalar to minimize. */
  loss(labels: unknown, outputs: unknown): Tensor;
  /** Variables to train; undefined: all trainable ones that the loss depends on. */
  readonly trainable: () => readonly Variable[] | undefined;
}

/** Name and forward pass of a model. */
export function forwardOf(tf: Tfjs, model: CompilableModel): Pick<StepModel, 'name' | 'forward'> {
  if (typeof model === 'function') return { name: model.name || 'model', forward: (inputs, training) => model(inputs as never, training) };
  const names = model.inputs.map(({ name }) => name);
  return {
    name: model.name,
    forward: (inputs, training) => {
      const fed = inOrder(inputs, names, tf, `model ${model.name}: inputs`);
      return model.apply(fed.length === 1 ? fed[0]! : fed, { training });
    },
  };
}

/** `fn` for tracing: it refuses a model with a layer that keeps a state in JavaScript, which tracing would move and a graph would freeze. */
export function stateless<A extends readonly unknown[], R>(model: CompilableModel, fn: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    const layer = typeof model === 'function' ? undefined : model.layers.find(({ stateful }) => stateful);
    if (layer !== undefined) throw new MillraceError('UNSUPPORTED', `tracing: ${layer.name}: keeps a state in JavaScript from call to call`);
    return fn(...args);
  };
}

/** @throws MODEL_INVALID for a model without a loss, or a loss that does not exist */
export function stepModel(tf: Tfjs, model: CompilableModel, loss: ModelLoss | undefined): StepModel {
  const forward = forwardOf(tf, model);
  if (typeof model === 'function') {
    if (typeof loss !== 'function')
      throw new MillraceError('MODEL_INVALID', 'a model that is a function needs a loss that is a function: (labels, outputs) => scalar');
    return {
      ...forward,
      loss: (labels, outputs) => tf.mean((loss as (labels: unknown, outputs: unknown) => Tensor)(labels, outputs)),
      trainable: () => undefined,
    };
  }
  const own = modelLoss(tf, model, loss);
  return {
    ...forward,
    loss: (labels, outputs) => {
      const list = (Array.isArray(outputs) ? outputs : [outputs]) as readonly Tensor[];
      const total = own(inOrder(labels, model.outputNames, tf, `model ${model.name}: labels`), list);
      return model.calculateLosses().reduce<Tensor>((sum, penalty) => tf.add(sum, penalty), total);
    },
    trainable: () => model.trainableWeights.map(variableOf),
  };
}

/** Tensors in the order of names, which may be given by name, as a list, or alone. */
function inOrder(given: unknown, names: readonly string[], tf: Tfjs, where: string): Tensor[] {
  if (isTensor(tf, given)) return [given];
  if (Array.isArray(given)) return given as Tensor[];
  const named = given as Readonly<Record<string, Tensor>>;
  const missing = names.filter((name) => named[name] === undefined);
  if (missing.length === 0) return names.map((name) => named[name]!);
  throw new MillraceError('SHAPE_MISMATCH', `${where}: missing ${missing.join(', ')}; there are ${Object.keys(named).join(', ')}`);
}
