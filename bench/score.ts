/**
 * stream.score against a bare loop over a native session of the same traced graph, at the same batch size, rows/s.
 *
 * All score the demo's kind of model (two embeddings of 8, a category, ten numbers, 128 and 64 units). The loop has its
 * feeds ready as tensors and makes one call at a time.
 *
 * - rows-<size>: the operator by itself: it gets record batches, makes the feeds, keeps the order, and joins the scores to
 *   the rows.
 * - job-<size>: the same in a job on the embedded engine, fed through a ring; starting it is not measured.
 */
import { createLogger, systemClock, noMetrics } from '../src/core/index.js';
import { ScoreSubtask } from '../src/inference/score-subtask.js';
import { modelScorer } from '../src/inference/model-scorer.js';
import { scoreOptions } from '../src/inference/options.js';
import type { RecordBatch } from '../src/memory/index.js';
import type { Output, SubtaskContext } from '../src/stream/subtask.js';
import type { Model } from '../src/tensorflow/model/index.js';
import type { TensorValue } from '../src/tensorflow/tensor-value.js';
import { compare, seconds, type BenchResult } from './harness.js';
import { benchJob, jobRate } from './job-rate.js';
import { demoLikeModel, demoLikeSchema, demoLikeBatch } from './demo-like-model.js';

const rounds = 5;
const jobRounds = 3;

export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const size of [32, 256]) {
    log(`score at batch ${size} ...`);
    results.push(...(await scoreAt(size)));
  }
  return results;
}

async function scoreAt(size: number): Promise<BenchResult[]> {
  const model = demoLikeModel();
  const session = await model.openTraining({ seed: 1 });
  const weights = session.weights();
  await session.close();
  const batches = Array.from({ length: size === 32 ? 1500 : 400 }, (_, i) => demoLikeBatch(size, i));
  const rows = batches.length * size;
  const loop = await bareLoop(model, weights, batches);
  const stream = await streamScore(model, weights, size);
  const baseline = async (): Promise<number> => rows / (await seconds(loop.run));
  const operator = await compare(`rows-${size}`, 'rows/s', { rounds, baseline, subject: async () => rows / (await seconds(() => stream.run(batches))) });
  const job = await compare(`job-${size}`, 'rows/s', { rounds: jobRounds, baseline, subject: () => jobScore(size, batches.length * 4) });
  await loop.close();
  await stream.close();
  return [operator, job];
}

async function jobScore(batchSize: number, batches: number): Promise<number> {
  const measured = await jobRate({
    bundle: benchJob('score-job'),
    params: { batches, batchSize },
    parallelism: 1,
    counter: 'millrace_score_rows_total',
    total: batches * batchSize,
  });
  return measured.perSecond;
}

type Weights = Readonly<Record<string, TensorValue>>;

async function bareLoop(model: Model<unknown, unknown, unknown>, weights: Weights, batches: readonly RecordBatch[]) {
  const { predictor, feeds, setWeights } = await model.openPredictor();
  await setWeights(weights);
  const ready = batches.map(feeds);
  return {
    run: async () => {
      for (const each of ready) await predictor.run(each);
    },
    close: () => predictor.close(),
  };
}

async function streamScore(model: Model<unknown, unknown, unknown>, weights: Weights, size: number) {
  const version = { version: 0, step: 0, weights, final: true };
  const versions = { open: () => Promise.resolve({ latest: () => Promise.resolve(version), onVersion: () => undefined, close: () => Promise.resolve() }) };
  const added = model.outputs;
  const options = scoreOptions.parse({ batch: { maxSize: size } });
  const subtask = new ScoreSubtask({ definition: modelScorer(model, versions, 'traced'), options, added, schema: { ...demoLikeSchema, ...added } });
  let emitted = 0;
  const output: Output = {
    emit: (batch) => {
      emitted += batch.length;
    },
    lend: (batch) => {
      emitted += batch.length;
      return true;
    },
    emitWatermark: () => undefined,
    emitIdle: () => undefined,
    endOfPass: () => undefined,
    ready: () => undefined,
  };
  await subtask.open(benchContext(output), []);
  return {
    run: async (batches: readonly RecordBatch[]) => {
      const before = emitted;
      for (const batch of batches) await subtask.process(batch);
      await subtask.endOfInput();
      if (emitted - before !== batches.length * size) throw new Error(`${emitted - before} rows came out`);
    },
    close: () => subtask.close(),
  };
}

function benchContext(output: Output): SubtaskContext {
  const never = (): never => {
    throw new Error('not part of this bench');
  };
  return {
    job: { name: 'bench', id: 'bench' },
    operator: { uid: 'score', name: 'score' },
    index: 0,
    parallelism: 1,
    parallelismOf: () => 1,
    host: '127.0.0.1',
    attempt: 0,
    isRestored: false,
    hasEnded: () => false,
    keyGroups: { from: 0, to: 128, total: 128 },
    output: () => output,
    clock: systemClock,
    log: createLogger(({ level, message }) => {
      if (level === 'warn' || level === 'error') throw new Error(message);
    }),
    metrics: noMetrics,
    signal: new AbortController().signal,
    setProcessingTimer: () => undefined,
    wake: () => undefined,
    fail: (error) => {
      throw error;
    },
    report: never,
    rendezvous: { publish: never, lookup: never },
  };
}
