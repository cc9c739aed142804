/**
 * Training the demo's kind of model with its own optimizer, examples/s.
 *
 * - bare-loop: tfjs as one would write it by hand, on tensors that lie ready in memory; the baseline of all others.
 * - session: a training session fed with batches as they are read from a ring; it makes the tensors, and hands out the
 *   predictions of each step.
 */
import { loadTfjs, type Tfjs } from '../src/tensorflow/eager/index.js';
import type { RecordBatch } from '../src/memory/index.js';
import { demoLikeBatch, demoLikeModel } from './demo-like-model.js';
import { compare, seconds, type BenchResult } from './harness.js';

const rounds = 5;
const batchRows = 256;

export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  log('session against bare loop ...');
  const batches = Array.from({ length: 60 }, (_, i) => demoLikeBatch(batchRows, i));
  const examples = batches.length * batchRows;
  const loop = bareLoop(await loadTfjs(), batches);
  const session = await demoLikeModel().openTraining({ seed: 1 });
  const result = await compare('session', 'examples/s', {
    rounds,
    baseline: async () => examples / (await seconds(loop.run)),
    subject: async () =>
      examples /
      (await seconds(async () => {
        for (const batch of batches) await session.trainStep(batch);
      })),
  });
  loop.close();
  session.close();
  return [result];
}

/** The same layers and loss in plain tfjs; tensors of all batches are made beforehand. */
function bareLoop(tf: Tfjs, batches: readonly RecordBatch[]) {
  const model = demoLikeModel();
  const inputs = [tf.input({ shape: [24] }), tf.input({ shape: [1], dtype: 'int32' }), tf.input({ shape: [1], dtype: 'int32' }), tf.input({ shape: [10] })] as const;
  const looked = (input: (typeof inputs)[number]) => tf.layers.flatten().apply(tf.layers.embedding({ inputDim: 513, outputDim: 8 }).apply(input)) as (typeof inputs)[number];
  const joined = tf.layers.concatenate().apply([inputs[0], looked(inputs[1]), looked(inputs[2]), inputs[3]]);
  const hidden = tf.layers.dense({ units: 64, activation: 'relu' }).apply(tf.layers.dense({ units: 128, activation: 'relu' }).apply(joined));
  const logits = tf.layers.dense({ units: 1 }).apply(hidden) as (typeof inputs)[number];
  const network = tf.model({ inputs: [...inputs], outputs: logits });
  const optimizer = tf.train.adam(1e-3);
  const ready = batches.map((batch) => {
    const values = Object.values((model as unknown as { encodeFeatures(batch: RecordBatch): Record<string, { data: Float32Array; shape: number[]; dtype: 'float32' }> }).encodeFeatures(batch));
    const label = Float32Array.from({ length: batch.length }, (_, i) => (batch.column('late').get(i) === true ? 1 : 0));
    return { features: values.map(({ data, shape, dtype }) => tf.tensor(data.slice(), shape, dtype)), label: tf.tensor2d(label, [batch.length, 1]) };
  });
  return {
    run: () => {
      for (const { features, label } of ready) {
        const loss = optimizer.minimize(() => tf.losses.sigmoidCrossEntropy(label, network.apply(features, { training: true }) as ReturnType<typeof tf.tensor>), true);
        loss?.dataSync();
        loss?.dispose();
      }
    },
    close: () => {
      tf.dispose(ready);
      optimizer.dispose();
      network.dispose();
    },
  };
}
