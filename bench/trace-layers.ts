/** A convolutional and a recurrent network, batch 32, Adam: a compiled step against eager tfjs and tf.function, steps/s. */
import { compileTrainStep, loadTfjs } from '../src/tensorflow/index.js';
import { against, alternate, callRate, type BenchResult } from './harness.js';
import type { PythonPeer } from './python-peer.js';
import { cnn, eagerStep, lstm, type TraceModel } from './trace-models.js';

const rows = 32;
const rounds = 7;
/** A step of either takes eager tfjs some 50 ms and more. */
const turnMs = 300;

export async function layerSteps(python: PythonPeer): Promise<BenchResult[]> {
  return [...(await steps('cnn', cnn, python, ['cnn'])), ...(await steps('lstm', lstm, python, ['lstm', 'lstm-unrolled']))];
}

/** @param peers Python's models */
async function steps(name: string, definition: TraceModel, python: PythonPeer, peers: readonly string[]): Promise<BenchResult[]> {
  const tf = await loadTfjs();
  const model = definition.make(tf);
  const { x, y } = definition.batch(rows);
  const step = await compileTrainStep(model, definition.loss(tf), tf.train.adam(1e-3));
  const eager = await eagerStep(definition, rows);
  const others = { eager: () => callRate(eager.step, turnMs), ...Object.fromEntries(peers.map((peer) => [peer, () => python.rate(peer, rows, turnMs)])) };
  const rates = await alternate<string>({ ours: () => callRate(() => step.valuesSync(x, y), turnMs), ...others }, rounds);
  if (step.stats.eagerCalls > 0) throw new Error(`${name} was not traced`);
  eager.close();
  await step.close();
  model.dispose();
  const result = (other: string, baseline: string): BenchResult => against(`${name}-${rows}-to-${other}`, 'steps/s', rates['ours']!, rates[baseline]!);
  return [result('trainOnBatch', 'eager'), ...peers.map((peer) => result(`tf.function-${peer}`, peer))];
}
