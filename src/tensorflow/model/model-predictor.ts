import { isMillraceError } from '../../core/errors.js';
import { silentLogger, type Logger } from '../../core/logger.js';
import { loadEager } from './load-eager.js';
import type { AssignablePredictor } from './native-forward.js';
import type { TensorValue } from '../tensor-value.js';
import type { ColumnModel } from './column-model.js';
import { assignWeights } from './eager-session.js';
import type { Network } from './network.js';
import { promised } from './promised.js';
import { seededRandom } from './random.js';
import { predictionValue, toTensors } from './tensors.js';
import type { ExecutionOptions, ModelPredictor } from './trainable.js';
import type { Tfjs } from './tfjs-types.js';

type Values = Readonly<Record<string, TensorValue>>;

/**
 * A model's forward pass behind the Predictor port: traced into a native graph, or on eager tfjs, with a warning, where it
 * cannot be traced.
 */
export async function openModelPredictor(model: ColumnModel, { execution = 'traced', log = silentLogger }: ExecutionOptions = {}): Promise<ModelPredictor> {
  const tf = await loadEager();
  const network = await model.openNetwork(seededRandom(0));
  const opened = execution === 'traced' ? await openTraced(tf, model, network, log) : eagerPredictor(tf, model, network);
  return { predictor: opened.predictor, feeds: (batch) => model.encodeFeatures(batch), setWeights: (weights) => opened.setWeights(weights) };
}

async function openTraced(tf: Tfjs, model: ColumnModel, network: Network, log: Logger): Promise<AssignablePredictor> {
  // Only now: importing a model definition loads no native code.
  const { openNativeForward } = await import('./native-forward.js');
  try {
    const opened = openNativeForward(tf, network, model);
    network.dispose();
    return opened;
  } catch (thrown) {
    if (isMillraceError(thrown) && thrown.code === 'UNSUPPORTED') {
      log.warn(`model ${model.name} is scored by eager tfjs, which blocks its thread: ${thrown.message}`);
      return eagerPredictor(tf, model, network);
    }
    network.dispose();
    throw thrown;
  }
}

function eagerPredictor(tf: Tfjs, model: ColumnModel, network: Network): AssignablePredictor {
  const run = (feeds: Values): Values =>
    tf.tidy(() => {
      const made = network.forward(toTensors(tf, feeds), false);
      const rows = Object.values(feeds)[0]?.shape[0] ?? 0;
      return Object.fromEntries(
        Object.entries(model.outputs).map(([name, field]) => [name, predictionValue(model.name, name, field, made[name], rows)]),
      ) as never;
    });
  return {
    predictor: {
      signature: model.signature,
      run: (feeds) => promised(() => run(feeds)),
      close: () =>
        promised(() => {
          network.dispose();
        }),
    },
    setWeights: (weights) =>
      promised(() => {
        assignWeights(tf, network.variables, weights, model.name);
      }),
  };
}
