import { MillraceError } from '../../core/errors.js';
import type { Infer, Schema } from '../../memory/schema.js';
import { ColumnModel } from './column-model.js';
import { labelDefinitionProblems } from './column-problems.js';
import { inputTensor } from './inputs.js';
import { layersNetwork } from './layers-network.js';
import type { LossFunction, LossName } from './losses.js';
import type { Network } from './network.js';
import type { LayersModel, NamedTensors, Tensor, Tfjs } from './tfjs-types.js';
import type { OptimizerSpec } from './trainable.js';
import type { FeaturesOf, LabelFields, LabelsOf, Model, ModelInputs } from './types.js';

export interface LayersModelOptions<In extends ModelInputs, L extends LabelFields, O extends Schema> {
  /** For messages and metrics. Default 'model'. */
  readonly name?: string;
  /**
   * How columns become the model's inputs. Names that equal the model's input names go there; else they go in order; a model
   * with one input gets all columns joined along the last dimension.
   */
  readonly inputs: In;
  readonly label: L;
  /** One column per output of the model, in order: t.float32() for one value per row, t.vector(n) for n. */
  readonly outputs: O;
  /** A named loss needs one label and one output. */
  readonly loss: LossName | LossFunction;
  readonly optimizer: OptimizerSpec;
}

/**
 * Any tf.LayersModel as a model on columns.
 *
 * @param open makes or loads the model; called once per session, on its thread. Initial weights are seeded where it makes
 * the model before its first await.
 * @throws MODEL_INVALID here for labels, and when a session opens where inputs or outputs do not fit the model
 */
export function fromLayersModel<const In extends ModelInputs, const L extends LabelFields, const O extends Schema>(
  open: (tf: Tfjs) => LayersModel | Promise<LayersModel>,
  options: LayersModelOptions<In, L, O>,
): Model<FeaturesOf<In>, LabelsOf<L>, Infer<O>> {
  const { name = 'model', inputs, label, outputs, loss, optimizer } = options;
  const problems = [...labelDefinitionProblems(label)];
  if (typeof loss === 'string' && (Object.keys(label).length !== 1 || Object.keys(outputs).length !== 1)) {
    problems.push(`loss '${loss}' compares one label with one output; give a function (outputs, labels, tf) => scalar`);
  }
  if (problems.length > 0) throw new MillraceError('MODEL_INVALID', `model ${name}: ${problems.join('; ')}`, { details: { problems } });
  const wrap = (tf: Tfjs, model: LayersModel): Network => {
    const feeding = feedingOf(name, model, inputs, Object.keys(outputs));
    const network = layersNetwork({
      tf,
      model,
      inputs: feeding.order,
      outputs: Object.keys(outputs),
      loss,
      label: Object.keys(label)[0] ?? '',
      output: Object.keys(outputs)[0] ?? '',
      logits: undefined,
    });
    return { ...network, forward: (features, training) => network.forward(feeding.feeds(tf, features), training) };
  };
  const made = new ColumnModel({
    name,
    inputs,
    labels: label,
    outputs,
    optimizer,
    integerLabels: loss === 'sparseCategoricalCrossentropy',
    open: (tf) => {
      const model = open(tf);
      return model instanceof Promise ? model.then((loaded) => wrap(tf, loaded)) : wrap(tf, model);
    },
  });
  return made;
}

interface Feeding {
  readonly order: readonly string[];
  readonly feeds: (tf: Tfjs, features: NamedTensors) => NamedTensors;
}

function feedingOf(name: string, model: LayersModel, inputs: ModelInputs, outputs: readonly string[]): Feeding {
  if (model.outputs.length !== outputs.length)
    throw new MillraceError('MODEL_INVALID', `model ${name} has ${model.outputs.length} outputs, ${outputs.length} are declared (${outputs.join(', ')})`);
  const columns = Object.keys(inputs);
  // Not model.inputNames, which a Sequential leaves empty.
  const wanted = model.inputs.map((input) => input.name);
  if (wanted.length === 1 && columns.length !== 1) return joined(name, model, inputs);
  if (wanted.length !== columns.length)
    throw new MillraceError('MODEL_INVALID', `model ${name} has inputs ${wanted.join(', ')}; ${columns.length} are declared (${columns.join(', ')})`);
  const byName = wanted.every((each) => columns.includes(each));
  const order = byName ? wanted : columns;
  order.forEach((column, i) => {
    const width = inputTensor(inputs[column] as ModelInputs[string]).width;
    checkSize(name, column, width, model.inputs[i]?.shape ?? []);
  });
  return {
    order,
    feeds: (tf, features) => Object.fromEntries(order.map((column, i) => [column, shaped(tf, features[column] as Tensor, model.inputs[i]?.shape ?? [])])),
  };
}

/** One input made of all columns. */
function joined(name: string, model: LayersModel, inputs: ModelInputs): Feeding {
  const columns = Object.keys(inputs);
  const integers = columns.filter((column) => inputTensor(inputs[column] as ModelInputs[string]).dtype !== 'float32');
  if (integers.length > 0)
    throw new MillraceError(
      'MODEL_INVALID',
      `model ${name} has one input, which gets all columns joined; ${integers.join(', ')} would need an input of its own`,
    );
  const width = columns.reduce((sum, column) => sum + inputTensor(inputs[column] as ModelInputs[string]).width, 0);
  const shape = model.inputs[0]?.shape ?? [];
  checkSize(name, columns.join(' + '), width, shape);
  return {
    order: ['joined'],
    feeds: (tf, features) => ({
      joined: shaped(
        tf,
        tf.concat(
          columns.map((column) => features[column] as Tensor),
          -1,
        ),
        shape,
      ),
    }),
  };
}

function checkSize(name: string, what: string, width: number, shape: readonly (number | null)[]): void {
  const known = shape.slice(1);
  if (known.includes(null)) return;
  const size = (known as number[]).reduce((product, dimension) => product * dimension, 1);
  if (size !== width)
    throw new MillraceError('MODEL_INVALID', `model ${name}: ${what} gives ${width} values per row, the model's input is [${known.join(', ')}]`);
}

/** Columns are [batch, width]; a model may want [batch, steps, features] of the same size. */
function shaped(tf: Tfjs, tensor: Tensor, shape: readonly (number | null)[]): Tensor {
  const rest = shape.slice(1);
  return rest.length === 1 || rest.includes(null) ? tensor : tf.reshape(tensor, [-1, ...(rest as number[])]);
}
