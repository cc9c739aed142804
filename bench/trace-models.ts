/** The models of bench/trace.ts as tf.layers has them, and batches for them; bench/peers/train_steps.py has the same. */
import { loadTfjs, type TensorValue, type Tfjs } from '../src/tensorflow/index.js';

export type LayersModel = ReturnType<Tfjs['sequential']>;
type LossFunction = Tfjs['losses']['sigmoidCrossEntropy'];

export interface TraceModel {
  readonly make: (tf: Tfjs) => LayersModel;
  readonly loss: (tf: Tfjs) => LossFunction;
  readonly batch: (rows: number) => { readonly x: TensorValue; readonly y: TensorValue };
}

function random(...shape: readonly number[]): TensorValue {
  const count = shape.reduce((product, size) => product * size, 1);
  return { dtype: 'float32', shape, data: Float32Array.from({ length: count }, Math.random) };
}

/** Ones and zeros, as many of either as it happens. */
function binary(rows: number): TensorValue {
  return { dtype: 'float32', shape: [rows, 1], data: Float32Array.from({ length: rows }, () => Math.round(Math.random())) };
}

function categories(rows: number, count: number): TensorValue {
  const data = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) data[row * count + Math.floor(Math.random() * count)] = 1;
  return { dtype: 'float32', shape: [rows, count], data };
}

export const mlp: TraceModel = {
  make: (tf) =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 256, activation: 'relu', inputShape: [64] }),
        tf.layers.dense({ units: 128, activation: 'relu' }),
        tf.layers.dense({ units: 1 }),
      ],
    }),
  loss: (tf) => tf.losses.sigmoidCrossEntropy,
  batch: (rows) => ({ x: random(rows, 64), y: binary(rows) }),
};

export const cnn: TraceModel = {
  make: (tf) =>
    tf.sequential({
      layers: [
        tf.layers.conv2d({ filters: 32, kernelSize: 3, activation: 'relu', inputShape: [28, 28, 1] }),
        tf.layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 128, activation: 'relu' }),
        tf.layers.dense({ units: 10 }),
      ],
    }),
  loss: (tf) => tf.losses.softmaxCrossEntropy,
  batch: (rows) => ({ x: random(rows, 28, 28, 1), y: categories(rows, 10) }),
};

export const lstm: TraceModel = {
  make: (tf) => tf.sequential({ layers: [tf.layers.lstm({ units: 64, recurrentActivation: 'sigmoid', inputShape: [20, 32] }), tf.layers.dense({ units: 1 })] }),
  loss: (tf) => tf.losses.sigmoidCrossEntropy,
  batch: (rows) => ({ x: random(rows, 20, 32), y: binary(rows) }),
};

/** A step of tf.LayersModel.trainOnBatch, as one calls it in tfjs. */
export async function eagerStep({ make, loss, batch }: TraceModel, rows: number) {
  const tf = await loadTfjs();
  const model = make(tf);
  const optimizer = tf.train.adam(1e-3);
  model.compile({ optimizer, loss: loss(tf) });
  const { x, y } = batch(rows);
  const [inputs, labels] = [x, y].map(({ data, shape }) => tf.tensor(data as Float32Array, [...shape]));
  return {
    step: async (): Promise<void> => {
      await model.trainOnBatch(inputs!, labels!);
    },
    close: (): void => {
      tf.dispose([inputs!, labels!]);
      optimizer.dispose();
      model.dispose();
    },
  };
}
