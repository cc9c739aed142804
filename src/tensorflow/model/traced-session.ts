import type { RecordBatch } from '../../memory/batch.js';
import type { StepModel } from '../compile/compiled-model.js';
import { passOf } from '../compile/gradients.js';
import { openPureFunction, type PureFunction } from '../trace/weighted-function.js';
import type { TensorSpec, TensorValue } from '../tensor-value.js';
import type { ColumnModel } from './column-model.js';
import { checkWeights, variableSpecs } from './eager-session.js';
import { exampleFeed } from './example-feed.js';
import type { RunProfile } from '../native/index.js';
import { layerProfile } from '../profile/index.js';
import { cycleRows } from '../trace/sample.js';
import { forwardFunction } from './native-forward.js';
import type { Network } from './network.js';
import { readValue } from './tensors.js';
import type { NamedTensors, Tensor, Tfjs } from './tfjs-types.js';
import type { GradientResult, StepExplanation, TrainingSession, VariableSpec } from './trainable.js';

type Values = Readonly<Record<string, TensorValue>>;

export interface TracedSessionOptions {
  readonly tf: Tfjs;
  readonly model: ColumnModel;
  readonly network: Network;
  readonly seed: number;
}

/**
 * A model as two native graphs, of its gradients and of its forward pass, each one asynchronous call. They take the weights
 * with each call; tfjs is only used to trace them.
 */
export class TracedSession implements TrainingSession {
  readonly variables: readonly VariableSpec[];
  readonly #options: TracedSessionOptions;
  readonly #gradients: PureFunction;
  readonly #gradientNames: readonly string[];
  /** Traced at the first prediction: most workers make none beside their steps. */
  #forward: PureFunction | undefined;
  #weights: Values;

  /** @throws UNSUPPORTED naming the scope and operation that no graph can follow */
  constructor(options: TracedSessionOptions) {
    const { model, network } = options;
    this.#options = options;
    this.variables = variableSpecs(model.name, network);
    this.#weights = weightsOf(network);
    const { opened, gradientNames } = openGradients(options);
    this.#gradients = opened;
    this.#gradientNames = gradientNames;
  }

  weights(): Values {
    return Object.fromEntries(Object.entries(this.#weights).map(([name, value]) => [name, { ...value, data: (value.data as Float32Array).slice() }]));
  }

  setWeights(weights: Values): void {
    checkWeights(this.#options.network.variables, weights, this.#options.model.name);
    this.#weights = { ...this.#weights, ...weights };
  }

  async gradients(batch: RecordBatch): Promise<GradientResult> {
    const { model } = this.#options;
    const made = await this.#gradients.run([...this.#features(batch), ...Object.values(model.encodeLabels(batch))], this.#weights);
    const outputs = Object.keys(model.outputs);
    const named = (names: readonly string[], from: number): Record<string, TensorValue> => Object.fromEntries(names.map((name, i) => [name, made[from + i]!]));
    const { assignedNames } = this.#gradients;
    const result = {
      loss: (made[0]!.data as Float32Array)[0]!,
      predictions: named(outputs, 1),
      gradients: named(this.#gradientNames, 1 + outputs.length),
    };
    return assignedNames.length === 0 ? result : { ...result, assigned: named(assignedNames, 1 + outputs.length + this.#gradientNames.length) };
  }

  /** The graph of a step and what its nodes take, for a batch of `rows` made-up rows. */
  async explain(rows: number, runs = 20): Promise<StepExplanation> {
    const { model } = this.#options;
    const feeds = [...model.signature.inputs, ...model.labelSpecs].map((spec) => cycleRows(exampleFeed(spec), rows));
    const profiles: RunProfile[] = [];
    // The first run makes the executor.
    await this.#gradients.run(feeds, this.#weights);
    for (let i = 0; i < runs; i++) profiles.push(await this.#gradients.profile(feeds, this.#weights));
    const { tracedMs, loadedMs } = this.#gradients;
    return { rows, tracedMs, loadedMs, layers: layerProfile(profiles.map(({ nodes }) => nodes)), graph: this.#gradients.graph(), profile: profiles.at(-1)! };
  }

  async predict(batch: RecordBatch): Promise<Values> {
    const { tf, model, network } = this.#options;
    this.#forward ??= openPureFunction(forwardFunction(tf, network, model));
    const made = await this.#forward.run(this.#features(batch), this.#weights);
    return Object.fromEntries(model.signature.outputs.map(({ name }, i) => [name, made[i]!]));
  }

  async close(): Promise<void> {
    this.#options.network.dispose();
    await this.#gradients.close();
    await this.#forward?.close();
  }

  #features(batch: RecordBatch): TensorValue[] {
    const { model } = this.#options;
    const encoded = model.encodeFeatures(batch);
    return model.signature.inputs.map(({ name }) => encoded[name]!);
  }
}

function openGradients({ tf, model, network, seed }: TracedSessionOptions): { readonly opened: PureFunction; readonly gradientNames: readonly string[] } {
  const nameOf = new Map(network.variables.map(({ name, variable }) => [variable, name]));
  const step: StepModel = {
    name: model.name,
    forward: (features, training) => network.forward(features as NamedTensors, training),
    loss: (labels, made) => network.loss(made as NamedTensors, labels as NamedTensors),
    trainable: () => network.variables.filter((each) => each.trainable).map(({ variable }) => variable),
  };
  let gradientNames: readonly string[] = [];
  const { inputs, outputs } = model.signature;
  const { labelSpecs } = model;
  const opened = openPureFunction({
    name: `model ${model.name}`,
    tf,
    seed,
    variables: network.variables,
    inputs: [...inputs, ...labelSpecs].map((spec) => ({ name: spec.name, example: exampleFeed(spec), isBatched: true })),
    outputNames: ['loss', ...outputs.map(({ name }) => name)],
    fn: (tensors) => {
      const features = named(inputs, tensors);
      const labels = named(labelSpecs, tensors.slice(inputs.length));
      const { loss, outputs: made, variables, gradients } = passOf(tf, step, features, labels, true);
      gradientNames = variables.map((variable) => nameOf.get(variable)!);
      const predictions = outputs.map(({ name, shape }) => tf.reshape((made as NamedTensors)[name]!, shape as number[]));
      return [loss, ...predictions, ...gradients];
    },
  });
  return { opened, gradientNames };
}

function named(specs: readonly TensorSpec[], tensors: readonly Tensor[]): NamedTensors {
  return Object.fromEntries(specs.map(({ name }, i) => [name, tensors[i]!]));
}

function weightsOf({ variables }: Network): Values {
  return Object.fromEntries(variables.map(({ name, variable }) => [name, readValue(variable)]));
}
