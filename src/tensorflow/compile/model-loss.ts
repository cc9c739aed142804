import { MillraceError } from '../../core/errors.js';
import type { LayersModel, Tensor, Tfjs } from '../model/tfjs-types.js';
import { sigmoidCrossEntropy } from '../model/losses.js';

/** A loss of labels and outputs of one output of a model: per row or a mean, as tf.LayersModel.compile takes it. */
export type LossFunctionOfOne = (labels: Tensor, outputs: Tensor) => Tensor;

/** A name that tf.LayersModel.compile knows, a function, or one of these for each output. */
export type ModelLoss = string | LossFunctionOfOne | readonly (string | LossFunctionOfOne)[];

/**
 * The loss of a layers model, as its own training computes it: the mean of the sum over outputs.
 *
 * @param loss undefined: what the model was compiled with
 */
export function modelLoss(tf: Tfjs, model: LayersModel, loss: ModelLoss | undefined): (labels: readonly Tensor[], outputs: readonly Tensor[]) => Tensor {
  const wanted = loss ?? compiledLosses(model);
  if (wanted === undefined) throw new MillraceError('MODEL_INVALID', `model ${model.name}: give a loss, or compile the model with one`);
  const count = model.outputs.length;
  const list = (Array.isArray(wanted) ? wanted : Array.from({ length: count }, () => wanted)) as readonly (string | LossFunctionOfOne)[];
  if (list.length !== count) throw new MillraceError('MODEL_INVALID', `model ${model.name} has ${count} outputs, ${list.length} losses are given`);
  const losses = list.map((each) => (typeof each === 'string' ? namedLoss(tf, each) : closed(tf, each)));
  return (labels, outputs) => {
    if (labels.length !== count) throw new MillraceError('SHAPE_MISMATCH', `model ${model.name} has ${count} outputs, got labels for ${labels.length}`);
    const [first, ...rest] = losses.map((each, i) => each(labels[i]!, outputs[i]!)) as [Tensor, ...Tensor[]];
    return tf.mean(rest.reduce<Tensor>((sum, part) => tf.add(sum, part), first));
  };
}

/** What compile() has made of a model's losses, one for each output; a sequential model keeps it in a model of its own. */
function compiledLosses(model: LayersModel): readonly LossFunctionOfOne[] | undefined {
  const { lossFunctions, model: inner } = model as unknown as { readonly lossFunctions?: readonly LossFunctionOfOne[]; readonly model?: LayersModel };
  return lossFunctions ?? (inner === undefined ? undefined : compiledLosses(inner));
}

/** tf.layers' own function of a name: compiling a model is the only way that tfjs has to get at it. */
function namedLoss(tf: Tfjs, name: string): LossFunctionOfOne {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: 'zeros' })] });
  const optimizer = tf.train.sgd(1);
  try {
    model.compile({ loss: name, optimizer });
    return compiledLosses(model)![0]!;
  } catch (thrown) {
    throw new MillraceError('MODEL_INVALID', `there is no loss '${name}': ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
  } finally {
    model.dispose();
    optimizer.dispose();
  }
}

/** The same loss with a gradient in closed form, where tfjs composes it of many operations. */
function closed(tf: Tfjs, loss: LossFunctionOfOne): LossFunctionOfOne {
  return (loss as unknown) === tf.losses.sigmoidCrossEntropy ? (labels, logits) => sigmoidCrossEntropy(tf, labels, logits) : loss;
}
