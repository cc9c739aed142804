import type { NamedTensors, Tensor, Tfjs, Variable } from './tfjs-types.js';

/**
 * A model on tfjs, whatever it was written as: variables, a forward pass and a loss over named tensors. Sessions and the
 * tracer know only this.
 */
export interface Network {
  readonly variables: readonly NetworkVariable[];
  /**
   * @param features by input name, [batch, width]
   * @param training true: dropout drops, moving averages move
   * @returns at least the declared outputs, [batch, size]
   */
  forward(features: NamedTensors, training: boolean): NamedTensors;
  /** The scalar to minimize, from what forward returned. */
  loss(outputs: NamedTensors, labels: NamedTensors): Tensor;
  dispose(): void;
}

export interface NetworkVariable {
  /** Equal on every thread and in every run of the same definition. */
  readonly name: string;
  readonly variable: Variable;
  readonly trainable: boolean;
}

/** Makes a network on the calling thread's tfjs; runs with seeded randomness, so equal seeds make equal weights. */
export type NetworkFactory = (tf: Tfjs) => Network | Promise<Network>;

/** Stable names for tf.layers weights: tfjs's own count up per thread. 'dense_1/kernel' is the first dense layer's kernel. */
export function layerVariables(model: ReturnType<Tfjs['model']>): NetworkVariable[] {
  const counts = new Map<string, number>();
  const taken = new Set<string>();
  const variables: NetworkVariable[] = [];
  for (const layer of model.layers) {
    if (layer.weights.length === 0) continue;
    const kind = snakeCase(layer.getClassName());
    const nth = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, nth);
    const trainable = new Set(layer.trainableWeights);
    for (const weight of layer.weights) {
      const base = `${kind}_${nth}/${weight.originalName.split('/').at(-1) ?? weight.originalName}`;
      let name = base;
      for (let n = 2; taken.has(name); n++) name = `${base}_${n}`;
      taken.add(name);
      variables.push({ name, variable: variableOf(weight), trainable: trainable.has(weight) });
    }
  }
  return variables;
}

function snakeCase(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

/** read() hands out the variable itself, typed as a tensor. */
export function variableOf(weight: { read(): unknown }): Variable {
  return weight.read() as Variable;
}
