import { MillraceError } from '../../core/errors.js';
import type { Predictor } from '../predictor.js';
import type { Signature, TensorValue } from '../tensor-value.js';
import { openWeightedFunction, type WeightedFunctionOptions } from '../trace/weighted-function.js';
import type { Network } from './network.js';
import { exampleFeed } from './example-feed.js';
import type { Tensor, Tfjs } from './tfjs-types.js';
import { VersionGate } from './version-gate.js';

type Values = Readonly<Record<string, TensorValue>>;

/** A predictor whose weights can be replaced between calls. */
export interface AssignablePredictor {
  readonly predictor: Predictor;
  /** Sets all variables in one go, between calls. @throws SHAPE_MISMATCH where one is missing or does not fit */
  setWeights(weights: Values): Promise<void>;
}

/**
 * A network's forward pass (training = false) as a native graph, for any number of rows.
 *
 * @throws UNSUPPORTED naming the scope and operation that no graph can follow
 */
export function openNativeForward(tf: Tfjs, network: Network, model: Named): AssignablePredictor {
  const { signature } = model;
  const opened = openWeightedFunction(forwardFunction(tf, network, model));
  const gate = new VersionGate();
  const run = async (feeds: Values): Promise<Values> => {
    const made = await opened.run(inOrder(feeds, signature));
    return Object.fromEntries(signature.outputs.map(({ name }, i) => [name, made[i]!]));
  };
  return {
    predictor: { signature, run: (feeds) => gate.read(() => run(feeds)), close: () => opened.close() },
    setWeights: (weights) => gate.write(() => opened.assign(weights)),
  };
}

interface Named {
  readonly name: string;
  readonly signature: Signature;
}

/** A network's forward pass with the shapes of a signature, ready to be traced. */
export function forwardFunction(tf: Tfjs, network: Network, { name, signature }: Named): WeightedFunctionOptions {
  return {
    name: `model ${name}`,
    tf,
    variables: network.variables,
    inputs: signature.inputs.map((spec) => ({ name: spec.name, example: exampleFeed(spec), isBatched: true })),
    outputNames: signature.outputs.map((output) => output.name),
    fn: (tensors) => {
      const made = network.forward(Object.fromEntries(signature.inputs.map((input, i) => [input.name, tensors[i]!])), false);
      return signature.outputs.map(({ name: output, shape }) => tf.reshape(made[output] as Tensor, shape as number[]));
    },
  };
}

function inOrder(feeds: Values, { inputs }: Signature): TensorValue[] {
  const missing = inputs.filter(({ name }) => feeds[name] === undefined).map(({ name }) => name);
  const unknown = Object.keys(feeds).filter((name) => !inputs.some((input) => input.name === name));
  if (missing.length + unknown.length > 0)
    throw new MillraceError('SHAPE_MISMATCH', `model: inputs missing: ${missing.join(', ') || 'none'}; unknown: ${unknown.join(', ') || 'none'}`, {
      details: { missing, unknown },
    });
  return inputs.map(({ name }) => feeds[name]!);
}
