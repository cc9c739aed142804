import type { CompilableModel } from '../../../src/tensorflow/index.js';
import type { Layer, LayersModel, Tensor, Tfjs, Variable } from '../../../src/tensorflow/model/tfjs-types.js';
import { numbersOf, tidied, type Numbers } from './close.js';
import type { LayerRow } from './layer-row.js';
import { scaleLayer } from './scale-layer.js';
import { numbers, setSeededWeights } from './seeded.js';

/** A layer in a model, and what tfjs needs to run it. */
export interface Subject {
  readonly compilable: CompilableModel;
  forward(inputs: readonly Tensor[], training: boolean): readonly Tensor[];
  /** Penalties of regularizers. */
  penalties(): readonly Tensor[];
  readonly trainable: readonly Variable[];
  readonly variables: readonly Variable[];
  dispose(): void;
}

let count = 0;

/** inputs -> (a weight for each value) -> the layer, with weights that do not depend on chance. */
export function subjectOf(tf: Tfjs, row: LayerRow): Subject {
  return row.isDirect === true ? directSubject(tf, row) : modelSubject(tf, row);
}

function modelSubject(tf: Tfjs, { inputs, connect }: LayerRow): Subject {
  const ends = inputs.map(({ shape }) => tf.input({ shape: [...shape] }));
  const scaled = ends.map((end, i) => (inputs[i]!.below === undefined ? (scaleLayer(tf, `scale_${count++}`).apply(end) as typeof end) : end));
  const connected = connect(tf, scaled);
  let outputs: typeof ends = 'length' in connected ? [...connected] : [connected];
  let model: LayersModel = tf.model({ inputs: ends, outputs });
  if (model.trainableWeights.length === 0) {
    outputs = outputs.map((output) => scaleLayer(tf, `scale_${count++}`).apply(output) as typeof output);
    model = tf.model({ inputs: ends, outputs });
  }
  setSeededWeights(tf, model, 3);
  return {
    compilable: model,
    forward: (given, training) => [model.apply(given.length === 1 ? given[0]! : [...given], { training })].flat() as Tensor[],
    penalties: () => model.calculateLosses(),
    trainable: model.trainableWeights.map((weight) => weight.read() as unknown as Variable),
    variables: model.weights.map((weight) => weight.read() as unknown as Variable),
    dispose: () => model.dispose(),
  };
}

function directSubject(tf: Tfjs, { inputs, make }: LayerRow): Subject {
  const layer = make!(tf) as Layer;
  const [{ shape, below }] = inputs as [LayerRow['inputs'][0]];
  const size = below === undefined ? shape : [1];
  const scale = tf.variable(tf.tensor(numbers(size.reduce((product, each) => product * each, 1), 3), [...size])); // prettier-ignore
  const forward = (given: Tensor, training: boolean): Tensor =>
    below === undefined ? (layer.apply(tf.mul(given, scale), { training }) as Tensor) : tf.mul(layer.apply(given, { training }) as Tensor, scale);
  return {
    compilable: forward,
    forward: ([given], training) => [forward(given!, training)],
    penalties: () => [],
    trainable: [scale],
    variables: [scale],
    dispose: () => scale.dispose(),
  };
}

/** Smooth, and different for each value of an output. */
export function loss(tf: Tfjs, labels: Tensor, outputs: Tensor): Tensor {
  return tf.mean(tf.square(tf.sub(outputs, labels)));
}

export interface Pass {
  readonly loss: Numbers;
  readonly outputs: readonly Numbers[];
  readonly gradients: Readonly<Record<string, Numbers>>;
  /** Variables that the forward pass gave another value. */
  readonly assigned: Readonly<Record<string, Numbers>>;
}

/** What tfjs itself gives; variables are as before afterwards. */
export function eagerPass(tf: Tfjs, subject: Subject, inputs: readonly Tensor[], labels: readonly Tensor[], training: boolean): Pass {
  const before = subject.variables.map((variable) => variable.clone());
  const pass = tidied(tf, () => {
    let outputs: readonly Numbers[] = [];
    const run = () => {
      const list = subject.forward(inputs, training);
      outputs = list.map(numbersOf);
      const [first, ...rest] = [...list.map((output, i) => loss(tf, labels[i]!, output)), ...subject.penalties()];
      return rest.reduce<Tensor>((sum, part) => tf.add(sum, part), first!).asScalar();
    };
    const { value, grads } = tf.variableGrads(run, [...subject.trainable]);
    const gradients = Object.entries(grads as unknown as Readonly<Record<string, Tensor | undefined>>).filter(([, each]) => each !== undefined);
    return { loss: numbersOf(value), outputs, gradients: Object.fromEntries(gradients.map(([name, each]) => [name, numbersOf(each!)])) };
  });
  const changed = subject.variables.filter((variable, i) => String(variable.dataSync()) !== String(before[i]!.dataSync()));
  const assigned = Object.fromEntries(changed.map((variable) => [variable.name, numbersOf(variable.clone())]));
  subject.variables.forEach((variable, i) => variable.assign(before[i]!));
  tf.dispose(before);
  return { ...pass, assigned };
}
