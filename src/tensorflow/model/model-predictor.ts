import type { RecordBatch } from '../../memory/batch.js';
import { loadTfjs } from '../eager/index.js';
import type { Predictor } from '../predictor.js';
import type { TensorValue } from '../tensor-value.js';
import type { ColumnModel } from './column-model.js';
import { assignWeights } from './eager-session.js';
import { seededRandom } from './random.js';
import { promised } from './promised.js';
import { predictionValue, toTensors } from './tensors.js';
import type { ModelPredictor } from './trainable.js';

type Values = Readonly<Record<string, TensorValue>>;

/** A model's forward pass behind the Predictor port. */
export async function openModelPredictor(model: ColumnModel): Promise<ModelPredictor> {
  const tf = await loadTfjs();
  const network = await model.openNetwork(seededRandom(0));
  const predictor: Predictor = {
    signature: model.signature,
    run: (feeds) =>
      promised(() =>
        tf.tidy(() => {
          const made = network.forward(toTensors(tf, feeds), false);
          const rows = Object.values(feeds)[0]?.shape[0] ?? 0;
          return Object.fromEntries(
            Object.entries(model.outputs).map(([name, field]) => [name, predictionValue(model.name, name, field, made[name], rows)]),
          ) as never;
        }),
      ),
    close: () =>
      promised(() => {
        network.dispose();
      }),
  };
  return {
    predictor,
    feeds: (batch: RecordBatch): Values => model.encodeFeatures(batch),
    setWeights: (weights) =>
      promised(() => {
        assignWeights(tf, network.variables, weights, model.name);
      }),
  };
}
