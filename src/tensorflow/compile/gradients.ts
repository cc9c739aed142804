import type { NamedTensors, Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import { isTensor } from '../trace/structure.js';
import { registeredVariables } from '../trace/tfjs-internals.js';
import type { StepModel } from './compiled-model.js';

export interface Pass {
  readonly loss: Tensor;
  readonly outputs: unknown;
  readonly variables: readonly Variable[];
  /** In the order of `variables`. */
  readonly gradients: readonly Tensor[];
}

/** A forward and backward pass; `variables` are those that the loss depends on. Its tensors belong to the scope of the caller. */
export function passOf(tf: Tfjs, model: StepModel, inputs: unknown, labels: unknown, training: boolean): Pass {
  let kept: unknown;
  const trainable = model.trainable();
  const { value, grads } = tf.variableGrads(
    () => {
      const outputs = model.forward(inputs, training);
      // The tape's scope disposes what its function does not return.
      kept = mapTensors(tf, outputs, (tensor) => tf.keep(tensor.clone()));
      return model.loss(labels, outputs).asScalar();
    },
    trainable === undefined ? undefined : [...trainable],
  );
  const outputs = mapTensors(tf, kept, (tensor) => {
    const own = tensor.clone();
    tensor.dispose();
    return own;
  });
  const byName: NamedTensors = grads;
  const variables = (trainable ?? registeredVariables(tf)).filter(({ name }) => byName[name] !== undefined);
  return { loss: value, outputs, variables, gradients: variables.map(({ name }) => byName[name]!) };
}

function mapTensors(tf: Tfjs, at: unknown, map: (tensor: Tensor) => Tensor): unknown {
  if (isTensor(tf, at)) return map(at);
  if (Array.isArray(at)) return at.map((each) => mapTensors(tf, each, map));
  if (typeof at !== 'object' || at === null) return at;
  return Object.fromEntries(Object.entries(at).map(([name, each]) => [name, mapTensors(tf, each, map)]));
}
