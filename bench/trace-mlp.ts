/** One training step of an MLP, 64-256-128-1, Adam, sigmoid cross entropy on logits: ours against four others, steps/s. */
import { compileTrainStep, loadTfjs } from '../src/tensorflow/index.js';
import { against, alternate, callRate, type BenchResult } from './harness.js';
import type { PythonPeer } from './python-peer.js';
import { openByHand } from './trace-by-hand.js';
import { eagerStep, mlp } from './trace-models.js';

const rounds = 15;
const turnMs = 150;

export async function mlpSteps(python: PythonPeer, rows: number): Promise<BenchResult[]> {
  const tf = await loadTfjs();
  const { x, y } = mlp.batch(rows);
  const model = mlp.make(tf);
  const ours = await compileTrainStep(model, mlp.loss(tf), tf.train.adam(1e-3));
  const hand = await openByHand();
  const eager = await eagerStep(mlp, rows);
  const rates = await alternate(
    {
      sync: () => callRate(() => ours.valuesSync(x, y), turnMs),
      async: () => callRate(() => ours.values(x, y), turnMs),
      tensors: () => callRate(() => ours.sync(x, y).loss.dispose(), turnMs),
      eager: () => callRate(eager.step, turnMs),
      python: () => python.rate('mlp', rows, turnMs),
      pythonRaw: () => python.rate('mlp-raw', rows, turnMs),
      hand: () => callRate(() => hand.sync(x, y), turnMs),
      handAsync: () => callRate(() => hand.async(x, y), turnMs),
    },
    rounds,
  );
  eager.close();
  await hand.close();
  await ours.close();
  model.dispose();
  const result = (name: string, subject: keyof typeof rates, baseline: keyof typeof rates): BenchResult =>
    against(`mlp-${rows}-${name}`, 'steps/s', rates[subject], rates[baseline]);
  return [
    result('sync-to-trainOnBatch', 'sync', 'eager'),
    result('sync-to-tf.function-keras', 'sync', 'python'),
    result('sync-to-tf.function-raw', 'sync', 'pythonRaw'),
    result('sync-to-by-hand', 'sync', 'hand'),
    result('async-to-trainOnBatch', 'async', 'eager'),
    result('async-to-by-hand-async', 'async', 'handAsync'),
    result('tensors-to-values', 'tensors', 'sync'),
  ];
}
