/** Steps of two worker threads on one session and one set of variables, against one such thread, steps/s of all together. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { compileTrainStep, loadTfjs } from '../src/tensorflow/index.js';
import { against, alternate, type BenchResult } from './harness.js';
import { mlp } from './trace-models.js';

const rounds = 15;
const turnMs = 200;

export async function threadedSteps(rows: number): Promise<BenchResult[]> {
  const tf = await loadTfjs();
  const model = mlp.make(tf);
  const step = await compileTrainStep(model, mlp.loss(tf), tf.train.adam(1e-3));
  const { x, y } = mlp.batch(rows);
  step.valuesSync(x, y);
  const threads = [0, 1].map(() => new Worker(new URL('./trace-thread.js', import.meta.url), { workerData: { handle: step.share(), inputs: [x, y] } }));
  const rateOf = async (thread: Worker): Promise<number> => {
    thread.postMessage(turnMs);
    const [rate] = (await once(thread, 'message')) as [number];
    return rate;
  };
  const rates = await alternate(
    { one: () => rateOf(threads[0]!), two: async () => (await Promise.all(threads.map(rateOf))).reduce((sum, rate) => sum + rate, 0) },
    rounds,
  );
  for (const thread of threads) await thread.terminate();
  await step.close();
  model.dispose();
  return [against(`threads-${rows}-two-to-one`, 'steps/s', rates.two, rates.one)];
}
