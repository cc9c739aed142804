import { MillraceError } from '../../core/errors.js';
import { formatField, t, type Field, type Schema } from '../../memory/schema.js';
import { ColumnModel } from './column-model.js';
import { labelDefinitionProblems } from './column-problems.js';
import { categoryRows, embeddingRows, inputTensor, type ModelInput } from './inputs.js';
import { embed, sizeOf, type SymbolicTensor } from './layers.js';
import { layersNetwork } from './layers-network.js';
import { lossNames, type LossFunction, type LossName } from './losses.js';
import { lower } from './lower.js';
import type { OptimizerSpec } from './trainable.js';
import type { FeaturesOf, LabelFields, LabelsOf, Model, ModelInputs, ScoresOf, SymbolicOutputs } from './types.js';

export interface ModelDefinition<In extends ModelInputs, L extends LabelFields, Out extends SymbolicOutputs> {
  /** For messages and metrics. Default 'model'. */
  readonly name?: string;
  /** How each column is read, by column name. */
  readonly inputs: In;
  /** Columns that the loss reads. */
  readonly label: L;
  /** Builds the layers, from inputs to named outputs. Makes a description only: TensorFlow loads when a session opens. */
  readonly build: (inputs: { readonly [K in keyof In]: SymbolicTensor }) => Out;
  /** A named loss needs one label and one output; a function gets all of them. */
  readonly loss: LossName | LossFunction;
  readonly optimizer: OptimizerSpec;
}

/**
 * Defines a model on the columns of a stream.
 *
 * @throws MODEL_INVALID naming the input, output or label that cannot work
 */
export function defineModel<const In extends ModelInputs, const L extends LabelFields, Out extends SymbolicOutputs>(
  definition: ModelDefinition<In, L, Out>,
): Model<FeaturesOf<In>, LabelsOf<L>, ScoresOf<Out>> {
  const { name = 'model', inputs, label, build, loss, optimizer } = definition;
  const fed = Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, rawInput(key, input)]));
  const seen = Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, readableInput(input, fed[key] as SymbolicTensor)]));
  const outputs: SymbolicOutputs = build(seen as { readonly [K in keyof In]: SymbolicTensor });
  const used = checkDefinition(name, { inputs: fed, outputs, label, loss });
  const [output, symbol] = Object.entries(outputs)[0] as [string, SymbolicTensor];
  // The loss works on what the sigmoid or softmax was applied to; the model hands it out beside its outputs.
  const logits = typeof loss === 'string' && symbol.logits !== undefined && loss.endsWith('rossentropy') ? symbol.logits : undefined;
  const logitsName = logits === undefined ? undefined : `${output}:logits`;
  const model = new ColumnModel({
    name,
    inputs,
    labels: label,
    outputs: outputSchema(outputs),
    optimizer,
    integerLabels: loss === 'sparseCategoricalCrossentropy',
    open: (tf) =>
      layersNetwork({
        tf,
        model: lower(tf, used, [...Object.values(outputs), ...(logits === undefined ? [] : [logits])]),
        inputs: Object.keys(used),
        outputs: [...Object.keys(outputs), ...(logitsName === undefined ? [] : [logitsName])],
        loss,
        label: Object.keys(label)[0] ?? '',
        output,
        logits: logitsName,
      }),
  });
  return model;
}

function rawInput(name: string, input: ModelInput): SymbolicTensor {
  const { dtype, width } = inputTensor(input);
  return { shape: [width], origin: { kind: 'input', name, dtype } };
}

/** What build sees: learned vectors are looked up already. */
function readableInput(input: ModelInput, raw: SymbolicTensor): SymbolicTensor {
  if (input.kind === 'embedding') return embed(embeddingRows(input), input.dim, raw);
  if (input.kind === 'category' && input.dim !== undefined) return embed(categoryRows(input), input.dim, raw);
  return raw;
}

interface Checked {
  readonly inputs: Readonly<Record<string, SymbolicTensor>>;
  readonly outputs: SymbolicOutputs;
  readonly label: LabelFields;
  readonly loss: LossName | LossFunction;
}

function checkDefinition(name: string, { inputs, outputs, label, loss }: Checked): Readonly<Record<string, SymbolicTensor>> {
  const problems: string[] = [...labelDefinitionProblems(label)];
  const made = Object.entries(outputs);
  if (made.length === 0) problems.push('build returned no output');
  for (const [key, { shape }] of made) if (shape.length !== 1) problems.push(`output '${key}' is [${String(shape)}] per row; flatten() it`);
  const reached = new Set<SymbolicTensor>();
  for (const symbol of Object.values(outputs)) reach(symbol, reached);
  for (const [key, symbol] of Object.entries(inputs)) if (!reached.has(symbol)) problems.push(`build does not use input '${key}'; remove it from inputs`);
  if (typeof loss === 'string') problems.push(...namedLossProblems(loss, label, outputs));
  if (problems.length > 0) throw new MillraceError('MODEL_INVALID', `model ${name}: ${problems.join('; ')}`, { details: { problems } });
  return inputs;
}

function namedLossProblems(loss: LossName, label: LabelFields, outputs: SymbolicOutputs): string[] {
  if (!lossNames.includes(loss))
    return [`there is no loss '${loss as string}'; there are ${lossNames.join(', ')}, and functions (outputs, labels, tf) => scalar`];
  const labels = Object.entries(label);
  const made = Object.entries(outputs);
  if (labels.length !== 1 || made.length !== 1) {
    return [
      `loss '${loss}' compares one label with one output, but there are ${labels.length} and ${made.length}; give a function (outputs, labels, tf) => scalar`,
    ];
  }
  const [labelName, field] = labels[0] as [string, Field];
  const [outputName, symbol] = made[0] as [string, SymbolicTensor];
  const width = field.dtype === 'vector' ? (field.size as number) : 1;
  const size = sizeOf(symbol.shape);
  if (loss === 'sparseCategoricalCrossentropy')
    return width === 1 && size > 1 ? [] : [`loss '${loss}' takes one class number per row and an output of several values`];
  return width === size ? [] : [`label '${labelName}' is ${formatField(field)} but output '${outputName}' has ${size} values per row`];
}

function reach(symbol: SymbolicTensor, into: Set<SymbolicTensor>): void {
  if (into.has(symbol)) return;
  into.add(symbol);
  if (symbol.origin.kind === 'layer') for (const input of symbol.origin.inputs) reach(input, into);
}

function outputSchema(outputs: SymbolicOutputs): Schema {
  return Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, sizeOf(shape) === 1 ? t.float32() : t.vector(sizeOf(shape))]));
}
