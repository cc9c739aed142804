import type { NamedTensors, Scalar, Tensor, Tfjs } from './tfjs-types.js';

/** Means over batch and values; cross-entropies take labels as probabilities, the sparse one as class numbers. */
export const lossNames = ['binaryCrossentropy', 'categoricalCrossentropy', 'sparseCategoricalCrossentropy', 'mse', 'mae', 'huber'] as const;
export type LossName = (typeof lossNames)[number];

/**
 * A loss of one's own: the mean over the batch, as a scalar.
 *
 * @param outputs by the names that build returned, [batch, size]
 * @param labels by column name, [batch, size]
 */
export type LossFunction = (outputs: NamedTensors, labels: NamedTensors, tf: Tfjs) => Tensor;

/** What a named loss compares. `logits` where the output is a sigmoid or softmax of them. */
export interface LossInput {
  readonly label: Tensor;
  readonly prediction: Tensor;
  readonly logits: Tensor | undefined;
}

const epsilon = 1e-7;

export function namedLoss(tf: Tfjs, name: LossName, { label, prediction, logits }: LossInput): Scalar {
  switch (name) {
    case 'mse':
      return tf.mean(tf.squaredDifference(label, prediction));
    case 'mae':
      return tf.mean(tf.abs(tf.sub(label, prediction)));
    case 'huber':
      return tf.losses.huberLoss<Tensor, Scalar>(label, prediction);
    case 'binaryCrossentropy':
      return logits === undefined ? binaryOfProbabilities(tf, label, prediction) : sigmoidCrossEntropy(tf, label, logits);
    case 'categoricalCrossentropy':
      return logits === undefined ? categoricalOfProbabilities(tf, label, prediction) : softmaxCrossEntropy(tf, label, logits);
    case 'sparseCategoricalCrossentropy': {
      const classes = prediction.shape.at(-1) as number;
      const oneHot = tf.cast(tf.oneHot(tf.reshape(label, [-1]).toInt(), classes), 'float32');
      return logits === undefined ? categoricalOfProbabilities(tf, oneHot, prediction) : softmaxCrossEntropy(tf, oneHot, logits);
    }
  }
}

/** mean(softplus(x) - x y); gradient (sigmoid(x) - y) / n, closed, so that a saturated output still learns. */
export function sigmoidCrossEntropy(tf: Tfjs, label: Tensor, logits: Tensor): Scalar {
  const loss = tf.customGrad((x, save) => {
    const input = x as Tensor;
    (save as (tensors: Tensor[]) => void)([input, label]);
    return {
      value: tf.mean(tf.sub(tf.softplus(input), tf.mul(input, label))),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [savedX, y] = saved as [Tensor, Tensor];
        return tf.mul(tf.sub(tf.sigmoid(savedX), y), tf.div(dy, savedX.size));
      },
    };
  });
  return loss(logits) as Scalar;
}

/** mean over rows of -sum(y log softmax(x)); gradient (softmax(x) sum(y) - y) / rows. */
function softmaxCrossEntropy(tf: Tfjs, label: Tensor, logits: Tensor): Scalar {
  const rows = logits.size / (logits.shape.at(-1) as number);
  const loss = tf.customGrad((x, save) => {
    const input = x as Tensor;
    (save as (tensors: Tensor[]) => void)([input, label]);
    return {
      value: tf.div(tf.neg(tf.sum(tf.mul(label, tf.logSoftmax(input)))), rows),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [savedX, y] = saved as [Tensor, Tensor];
        return tf.mul(tf.sub(tf.mul(tf.softmax(savedX), tf.sum(y, -1, true)), y), tf.div(dy, rows));
      },
    };
  });
  return loss(logits) as Scalar;
}

function binaryOfProbabilities(tf: Tfjs, label: Tensor, prediction: Tensor): Scalar {
  const p = tf.clipByValue(prediction, epsilon, 1 - epsilon);
  const whenOne = tf.mul(label, tf.log(p));
  const whenZero = tf.mul(tf.sub(1, label), tf.log(tf.sub(1, p)));
  return tf.neg(tf.mean(tf.add(whenOne, whenZero)));
}

function categoricalOfProbabilities(tf: Tfjs, label: Tensor, prediction: Tensor): Scalar {
  const p = tf.clipByValue(prediction, epsilon, 1 - epsilon);
  return tf.neg(tf.mean(tf.sum(tf.mul(label, tf.log(p)), -1)));
}
