import fc from 'fast-check';
import type { Tensor, Tfjs, Variable } from '../../../src/tensorflow/model/tfjs-types.js';

/** Values of a program under construction: batched ones have the batch as their first dimension. */
export interface Place {
  readonly tensor: Tensor;
  readonly isBatched: boolean;
}

/** One operation of a program: it takes earlier values by number (modulo how many there are) and is left out where it does not fit them. */
export interface Line {
  readonly op: keyof typeof operations;
  readonly inputs: readonly [number, number];
  /** Sizes, axes and the like. */
  readonly numbers: readonly [number, number];
}

type Make = (tf: Tfjs, a: Place, b: Place, numbers: readonly [number, number], input: Tensor) => Place | undefined;

const unary = (compute: (tf: Tfjs, x: Tensor) => Tensor): Make => (tf, { tensor, isBatched }) => ({ tensor: compute(tf, tensor), isBatched }); // prettier-ignore

const binary = (compute: (tf: Tfjs, a: Tensor, b: Tensor) => Tensor): Make => (tf, a, b) => {
    if (!broadcasts(a, b)) return undefined;
    return { tensor: compute(tf, a.tensor, b.tensor), isBatched: a.isBatched || b.isBatched };
  }; // prettier-ignore

/** Along an axis that is not the batch. */
const inner = (compute: (tf: Tfjs, x: Tensor, axis: number, more: number) => Tensor): Make => (tf, { tensor, isBatched }, _b, [axis, more]) => {
    const first = isBatched ? 1 : 0;
    if (tensor.rank <= first) return undefined;
    return { tensor: compute(tf, tensor, first + (axis % (tensor.rank - first)), more), isBatched };
  }; // prettier-ignore

/** Batches broadcast only against values without one, or of the same rank: the rules that hold for every number of rows. */
function broadcasts(a: Place, b: Place): boolean {
  const [long, short] = a.tensor.rank >= b.tensor.rank ? [a, b] : [b, a];
  if (short.isBatched && (!long.isBatched || long.tensor.rank !== short.tensor.rank)) return false;
  const shape = long.tensor.shape.slice(long.tensor.rank - short.tensor.rank);
  return short.tensor.shape.every((size, i) => {
    const isBatch = long.isBatched && i + long.tensor.rank - short.tensor.rank === 0;
    return isBatch ? short.isBatched || size === 1 : size === shape[i] || size === 1 || shape[i] === 1;
  });
}

/** Values stay of moderate size, so that float32 does not drown what is compared. */
export const operations = {
  add: binary((tf, a, b) => tf.add(a, b)),
  sub: binary((tf, a, b) => tf.sub(a, b)),
  mul: binary((tf, a, b) => tf.mul(tf.tanh(a), b)),
  div: binary((tf, a, b) => tf.div(a, tf.add(tf.abs(b), 1))),
  // The gradient of TensorFlow.js does not broadcast.
  maximum: binary((tf, a, b) => tf.maximum(tf.add(a, tf.zerosLike(b)), tf.add(b, tf.zerosLike(a)))),
  squaredDifference: binary((tf, a, b) => tf.squaredDifference(tf.sigmoid(a), tf.sigmoid(b))),
  // TensorFlow.js asks for a gradient of what a condition is made of: it comes from an input, which needs none.
  where: (tf, a, b, [k], input) => {
    if (!broadcasts(a, b) || !a.isBatched || a.tensor.rank < b.tensor.rank) return undefined;
    const rows = tf.reshape(tf.greater(tf.sum(input, 1), k / 10), [-1, ...a.tensor.shape.slice(1).map(() => 1)]);
    return { tensor: tf.where(tf.logicalAnd(rows, tf.onesLike(a.tensor).toBool()), a.tensor, tf.add(b.tensor, tf.zeros(a.tensor.shape))), isBatched: true };
  },
  relu: unary((tf, x) => tf.relu(x)),
  tanh: unary((tf, x) => tf.tanh(x)),
  sigmoid: unary((tf, x) => tf.sigmoid(x)),
  softplus: unary((tf, x) => tf.softplus(x)),
  sqrt: unary((tf, x) => tf.sqrt(tf.add(tf.square(tf.tanh(x)), 1))),
  exp: unary((tf, x) => tf.exp(tf.tanh(x))),
  leakyRelu: unary((tf, x) => tf.leakyRelu(x, 0.1)),
  clip: unary((tf, x) => tf.clipByValue(x, -0.5, 0.5)),
  scale: (tf, { tensor, isBatched }, _b, [k]) => ({ tensor: tf.mul(tensor, (k - 3) / 4), isBatched }),
  sum: inner((tf, x, axis, more) => tf.sum(x, axis, more % 2 === 0)),
  mean: inner((tf, x, axis, more) => tf.mean(x, axis, more % 2 === 0)),
  max: inner((tf, x, axis) => tf.max(x, axis)),
  logSumExp: inner((tf, x, axis) => tf.logSumExp(x, axis)),
  softmax: (tf, { tensor, isBatched }) => (tensor.rank <= 1 ? undefined : { tensor: tf.softmax(tensor), isBatched }),
  cumsum: inner((tf, x, axis) => tf.cumsum(x, axis)),
  reverse: inner((tf, x, axis) => tf.reverse(x, axis)),
  slice: inner((tf, x, axis, more) => {
    const size = x.shape[axis]!;
    const begin = more % size;
    return tf.slice(x, x.shape.map((_, i) => (i === axis ? begin : 0)), x.shape.map((each, i) => (i === axis ? size - begin : each))); // prettier-ignore
  }),
  stridedSlice: inner(
    (tf, x, axis) =>
    tf.stridedSlice(x, x.shape.map(() => 0), [...x.shape], x.shape.map((_, i) => (i === axis ? 2 : 1))), // prettier-ignore
  ),
  gather: inner((tf, x, axis, more) => tf.gather(x, tf.tensor1d([0, more % x.shape[axis]!, 0], 'int32'), axis)),
  pad: inner((tf, x, axis, more) => tf.pad(x, x.shape.map((_, i) => (i === axis ? [more % 3, 1] : [0, 0])))), // prettier-ignore
  tile: inner((tf, x, axis) => tf.tile(x, x.shape.map((_, i) => (i === axis ? 2 : 1)))), // prettier-ignore
  expandDims: inner((tf, x, axis) => (x.rank > 3 ? x : tf.expandDims(x, axis))),
  sumOfRows: (tf, { tensor, isBatched }) => (isBatched ? { tensor: tf.sum(tensor, 0), isBatched: false } : undefined),
  meanOfRows: (tf, { tensor, isBatched }) => (isBatched ? { tensor: tf.mean(tensor, 0, true), isBatched: false } : undefined),
  transpose: (tf, { tensor, isBatched }) => {
    const axes = tensor.shape.map((_, i) => i);
    return { tensor: tf.transpose(tensor, isBatched ? [0, ...axes.slice(1).reverse()] : axes.reverse()), isBatched };
  },
  flatten: (tf, { tensor, isBatched }) =>
    isBatched ? { tensor: tf.reshape(tensor, [tensor.shape[0], -1]), isBatched } : { tensor: tf.reshape(tensor, [-1]), isBatched },
  concat: (tf, a, b) => {
    const axis = a.tensor.rank - 1;
    const fits = a.tensor.rank === b.tensor.rank && a.isBatched === b.isBatched && axis > (a.isBatched ? 0 : -1);
    const isAlike = fits && a.tensor.shape.every((size, i) => i === axis || size === b.tensor.shape[i]);
    return isAlike && a.tensor.shape[axis]! + b.tensor.shape[axis]! < 12
      ? { tensor: tf.concat([a.tensor, b.tensor], axis), isBatched: a.isBatched }
      : undefined;
  },
  matMul: (tf, a, b) => {
    if (a.tensor.rank !== 2 || b.tensor.rank !== 2 || b.isBatched || a.tensor.shape[1] !== b.tensor.shape[0]) return undefined;
    return { tensor: tf.matMul(tf.tanh(a.tensor), tf.tanh(b.tensor)), isBatched: a.isBatched };
  },
  matMulOfTransposed: (tf, a, b) => {
    if (a.tensor.rank !== 2 || b.tensor.rank !== 2 || !a.isBatched || !b.isBatched) return undefined;
    return { tensor: tf.div(tf.matMul(tf.tanh(a.tensor), tf.tanh(b.tensor), true, false), a.tensor.shape[0]), isBatched: false };
  },
  /** From rows to rows: a matrix of the batch by the batch. */
  similarity: (tf, a) => {
    if (!a.isBatched || a.tensor.rank !== 2) return undefined;
    return { tensor: tf.matMul(tf.softmax(tf.matMul(a.tensor, a.tensor, false, true)), a.tensor), isBatched: true };
  },
} as const satisfies Readonly<Record<string, Make>>;

export const programs: fc.Arbitrary<readonly Line[]> = fc.array(
  fc.record({
    op: fc.constantFrom(...(Object.keys(operations) as (keyof typeof operations)[])),
    inputs: fc.tuple(fc.nat(20), fc.nat(20)),
    numbers: fc.tuple(fc.nat(6), fc.nat(6)),
  }),
  { minLength: 1, maxLength: 8 },
);

/** Runs a program on two batched inputs and two variables; its last value, and one number that depends on all of them. */
export function runProgram(tf: Tfjs, lines: readonly Line[], inputs: readonly [Tensor, Tensor], variables: readonly [Variable, Variable]) {
  const places: Place[] = [...inputs.map((tensor) => ({ tensor, isBatched: true })), ...variables.map((tensor) => ({ tensor: tensor, isBatched: false }))];
  for (const { op, inputs: from, numbers } of lines) {
    const [a, b] = from.map((i) => places[(places.length - 1 - (i % places.length) + places.length) % places.length]!) as [Place, Place];
    const made = operations[op](tf, a, b, numbers, inputs[0]);
    if (made !== undefined && made.tensor.size > 0) places.push(made);
  }
  const parts = places.map(({ tensor }) => tf.mean(tf.square(tf.tanh(tensor))));
  return { last: places.at(-1)!.tensor, loss: tf.addN(parts).asScalar(), count: places.length };
}

/** As a program of tfjs calls, for messages. */
export function programText(lines: readonly Line[]): string {
  return lines.map(({ op, inputs, numbers }) => `${op}(${inputs.join(', ')}; ${numbers.join(', ')})`).join(' | ');
}
