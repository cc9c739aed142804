/** Training as one would write it by hand: the demo's layers, loss and optimizer in plain tfjs, on tensors in memory. */
import { lateness } from '../examples/flight-delays/model.js';
import type { RecordBatch } from '../src/memory/index.js';
import { loadTfjs, type Tfjs } from '../src/tensorflow/eager/index.js';

type Tensor = ReturnType<Tfjs['tensor']>;
type Symbolic = ReturnType<Tfjs['input']>;

/** One step for each of `batches`; encodings are done beforehand. */
export async function trainLoop(batches: readonly RecordBatch[]) {
  const tf = await loadTfjs();
  const { feeds, predictor } = await lateness('days').openPredictor();
  const examples = batches.map((batch) => {
    const features = Object.values(feeds(batch)).map(({ data, shape, dtype }) =>
      tf.tensor((data as Float32Array).slice(), [...shape], dtype as 'float32' | 'int32'),
    );
    const label = Float32Array.from({ length: batch.length }, (_, i) => (batch.column('late').get(i) === true ? 1 : 0));
    return { features, label: tf.tensor2d(label, [batch.length, 1]) };
  });
  await predictor.close();
  const network = layers(tf);
  const optimizer = tf.train.adam(2e-3);
  return {
    run: (): void => {
      for (const { features, label } of examples) {
        const loss = optimizer.minimize(() => tf.losses.sigmoidCrossEntropy(label, network.apply(features, { training: true }) as Tensor), true);
        loss?.dataSync();
        loss?.dispose();
      }
    },
    close: (): void => {
      tf.dispose(examples);
      optimizer.dispose();
      network.dispose();
    },
  };
}

const numberCount = 8;

function layers(tf: Tfjs) {
  const index = (): Symbolic => tf.input({ shape: [1], dtype: 'int32' });
  const embed = (input: Symbolic, inputDim: number, outputDim: number): Symbolic =>
    tf.layers.flatten().apply(tf.layers.embedding({ inputDim, outputDim }).apply(input)) as Symbolic;
  const [slot, weekday, origin, destination] = [index(), index(), index(), index()];
  const numbers = Array.from({ length: numberCount }, () => tf.input({ shape: [1] }));
  const joined = tf.layers.concatenate().apply([embed(slot, 72, 8), embed(weekday, 7, 4), embed(origin, 2049, 8), embed(destination, 2049, 8), ...numbers]);
  const hidden = tf.layers.dense({ units: 64, activation: 'relu' }).apply(tf.layers.dense({ units: 128, activation: 'relu' }).apply(joined));
  const logits = tf.layers.dense({ units: 1 }).apply(hidden) as Symbolic;
  return tf.model({ inputs: [slot, weekday, origin, destination, ...numbers], outputs: logits });
}
