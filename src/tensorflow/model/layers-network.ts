import { MillraceError } from '../../core/errors.js';
import { namedLoss, type LossFunction, type LossName } from './losses.js';
import { layerVariables, type Network } from './network.js';
import type { LayersModel, NamedTensors, Tensor, Tfjs } from './tfjs-types.js';

export interface LayersNetworkOptions {
  readonly tf: Tfjs;
  readonly model: LayersModel;
  /** Input names in the order of model.inputs. */
  readonly inputs: readonly string[];
  /** Names in the order of model.outputs: declared outputs, then hidden ones. */
  readonly outputs: readonly string[];
  readonly loss: LossName | LossFunction;
  /** For a named loss: the label column and the output it is held against. */
  readonly label: string;
  readonly output: string;
  /** Name of the hidden output that holds the logits of `output`. */
  readonly logits: string | undefined;
}

/** A tf.LayersModel as a network: weights of its layers, its regularizers added to the loss. */
export function layersNetwork(options: LayersNetworkOptions): Network {
  const { tf, model, inputs, outputs, loss } = options;
  return {
    variables: layerVariables(model),
    forward: (features, training) => {
      const fed = inputs.map((name) => tensorOf(features, name));
      const made = model.apply(fed.length === 1 ? (fed[0] as Tensor) : fed, { training }) as Tensor | Tensor[];
      const list = Array.isArray(made) ? made : [made];
      return Object.fromEntries(outputs.map((name, i) => [name, list[i] as Tensor]));
    },
    loss: (made, labels) => {
      const own = typeof loss === 'function' ? loss(made, labels, tf) : namedLoss(tf, loss, lossInput(options, made, labels));
      return model.calculateLosses().reduce<Tensor>((sum, penalty) => tf.add(sum, penalty), own);
    },
    dispose: () => {
      model.dispose();
    },
  };
}

function lossInput({ label, output, logits }: LayersNetworkOptions, made: NamedTensors, labels: NamedTensors) {
  return { label: tensorOf(labels, label), prediction: tensorOf(made, output), logits: logits === undefined ? undefined : tensorOf(made, logits) };
}

function tensorOf(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new MillraceError('INTERNAL', `no tensor '${name}' among ${Object.keys(tensors).join(', ')}`);
  return tensor;
}
