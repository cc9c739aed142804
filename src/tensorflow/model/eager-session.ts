import { MillraceError } from '../../core/errors.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { TensorValue } from '../tensor-value.js';
import type { ColumnModel } from './column-model.js';
import type { Network, NetworkVariable } from './network.js';
import { withRandom } from './random.js';
import { promised } from './promised.js';
import { predictionValue, readValue, toTensors } from './tensors.js';
import type { NamedTensors, Tensor, Tfjs } from './tfjs-types.js';
import type { GradientResult, TrainingSession, VariableSpec } from './trainable.js';

export interface EagerSessionOptions {
  readonly tf: Tfjs;
  readonly model: ColumnModel;
  readonly network: Network;
  /** Seeded; what dropout and the like draw from. */
  readonly random: () => number;
}

type Values = Readonly<Record<string, TensorValue>>;

/** One step's forward and backward pass, still as tensors; whoever takes it disposes them. */
interface Pass {
  readonly loss: number;
  readonly predictions: Values;
  readonly gradients: Record<string, Tensor>;
}

/** A model on eager tfjs. Calls block the thread; when a promise settles nothing looks at the batch's memory any more. */
export class EagerSession implements TrainingSession {
  readonly variables: readonly VariableSpec[];
  readonly #tf: Tfjs;
  readonly #model: ColumnModel;
  readonly #network: Network;
  readonly #random: () => number;
  readonly #moving: readonly NetworkVariable[];
  readonly #byTfName: ReadonlyMap<string, string>;

  constructor({ tf, model, network, random }: EagerSessionOptions) {
    this.#tf = tf;
    this.#model = model;
    this.#network = network;
    this.#random = random;
    this.variables = variableSpecs(model.name, network);
    this.#moving = network.variables.filter(({ trainable }) => !trainable);
    this.#byTfName = new Map(network.variables.map(({ name, variable }) => [variable.name, name]));
  }

  weights(): Values {
    return Object.fromEntries(this.#network.variables.map(({ name, variable }) => [name, readValue(variable)]));
  }

  setWeights(weights: Values): void {
    assignWeights(this.#tf, this.#network.variables, weights, this.#model.name);
  }

  gradients(batch: RecordBatch): Promise<GradientResult> {
    return promised(() => this.#gradients(batch));
  }

  predict(batch: RecordBatch): Promise<Values> {
    return promised(() => this.#predict(batch));
  }

  close(): Promise<void> {
    return promised(() => {
      this.#network.dispose();
    });
  }

  #gradients(batch: RecordBatch): GradientResult {
    const before = this.#moving.map(({ variable }) => variable.clone());
    try {
      const { loss, predictions, gradients } = this.#pass(batch);
      const named: Record<string, TensorValue> = {};
      for (const [tfName, gradient] of Object.entries(gradients)) named[this.#byTfName.get(tfName) as string] = readValue(gradient);
      this.#tf.dispose(gradients);
      if (this.#moving.length === 0) return { loss, predictions, gradients: named };
      const assigned = Object.fromEntries(this.#moving.map(({ name, variable }) => [name, readValue(variable)]));
      return { loss, predictions, gradients: named, assigned };
    } finally {
      this.#moving.forEach(({ variable }, i) => {
        variable.assign(before[i] as Tensor);
      });
      this.#tf.dispose(before);
    }
  }

  #predict(batch: RecordBatch): Values {
    return this.#tf.tidy(() => this.#read(this.#network.forward(toTensors(this.#tf, this.#model.encodeFeatures(batch)), false), batch.length) as never);
  }

  #pass(batch: RecordBatch): Pass {
    const tf = this.#tf;
    const trainable = this.#network.variables.filter((each) => each.trainable).map(({ variable }) => variable);
    let outputs: NamedTensors = {};
    return withRandom(this.#random, () => {
      const features = toTensors(tf, this.#model.encodeFeatures(batch));
      const labels = toTensors(tf, this.#model.encodeLabels(batch));
      try {
        const { value, grads } = tf.variableGrads(() => {
          outputs = this.#network.forward(features, true);
          for (const output of Object.values(outputs)) tf.keep(output);
          return this.#network.loss(outputs, labels).asScalar();
        }, trainable);
        const loss = value.dataSync()[0] as number;
        value.dispose();
        return { loss, predictions: this.#read(outputs, batch.length), gradients: grads };
      } finally {
        tf.dispose([Object.values(features), Object.values(labels), Object.values(outputs)]);
      }
    });
  }

  #read(outputs: NamedTensors, rows: number): Values {
    const read: Record<string, TensorValue> = {};
    for (const [name, field] of Object.entries(this.#model.outputs)) read[name] = predictionValue(this.#model.name, name, field, outputs[name], rows);
    return read;
  }
}

/** @throws UNSUPPORTED for variables other than float32 */
export function variableSpecs(model: string, { variables }: Network): VariableSpec[] {
  return variables.map(({ name, variable, trainable }) => {
    if (variable.dtype !== 'float32')
      throw new MillraceError('UNSUPPORTED', `model ${model}: variable ${name} is ${variable.dtype}; only float32 variables can be trained`);
    return { name, shape: variable.shape, dtype: 'float32', trainable };
  });
}

/** Copies weights into variables. @throws SHAPE_MISMATCH before any of them changed */
export function assignWeights(tf: Tfjs, variables: readonly NetworkVariable[], weights: Values, model: string): void {
  checkWeights(variables, weights, model);
  const chosen = Object.entries(weights).map(([name, value]) => ({ variable: variables.find((each) => each.name === name)!.variable, value }));
  for (const { variable, value } of chosen) {
    // tfjs uploads lazily and would see later changes of the caller's memory: it gets a copy.
    const tensor = tf.tensor(Float32Array.from(value.data as Float32Array), [...value.shape], 'float32');
    variable.assign(tensor);
    tensor.dispose();
  }
}

/** @throws SHAPE_MISMATCH for a weight that is none of the variables', or of another shape */
export function checkWeights(variables: readonly NetworkVariable[], weights: Values, model: string): void {
  for (const [name, value] of Object.entries(weights)) {
    const found = variables.find((each) => each.name === name);
    if (found === undefined)
      throw new MillraceError('SHAPE_MISMATCH', `model ${model} has no variable '${name}'; it has ${variables.map((each) => each.name).join(', ')}`);
    if (String(found.variable.shape) === String(value.shape) && value.dtype === 'float32') continue;
    throw new MillraceError(
      'SHAPE_MISMATCH',
      `model ${model}: variable '${name}' is float32 [${String(found.variable.shape)}], got ${value.dtype} [${String(value.shape)}]`,
    );
  }
}
