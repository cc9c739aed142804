/**
 * Training the demo's model at the demo's batch size, examples/s; baseline of the first two is a bare tfjs loop on tensors
 * that lie ready in memory.
 *
 * - one-worker: millrace on the embedded engine with one worker and no parameter server, fed through a ring with ready
 *   feature columns; it makes the tensors and hands out each step's predictions.
 * - cluster: the same with an application manager, two workers and one parameter server.
 * - processes: the same cluster with every node in a process of its own; baseline: in threads.
 * - demo: the whole graph of examples/flight-delays on the first flights of its data, each flight predicted and later
 *   learned; demo-starved is the share of that time in which its workers waited for input.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleJob } from '../src/engines/embedded/index.js';
import { compare, seconds, spread, type BenchResult } from './harness.js';
import { firstFlights } from './first-flights.js';
import { flightBatch } from './flight-rows.js';
import { benchJob, jobRate, medianOf, type MeasuredRate } from './job-rate.js';
import { distinctBatches } from './train-job.js';
import { trainLoop } from './train-loop.js';

const batchSize = 512;
const loopPasses = 3;
const counter = 'millrace_training_examples_total';

export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const loop = await trainLoop(Array.from({ length: distinctBatches }, (_, i) => flightBatch(batchSize, i)));
  const examples = loopPasses * distinctBatches * batchSize;
  const baseline = async (): Promise<number> =>
    examples /
    (await seconds(() => {
      for (let pass = 0; pass < loopPasses; pass++) loop.run();
    }));
  log('one worker against a bare loop ...');
  const one = await compare('one-worker', 'examples/s', { rounds: 4, baseline, subject: () => trainRate({ workers: 1, parameterServers: 0, batches: 300 }) });
  log('two workers and a parameter server against a bare loop ...');
  const cluster = await compare('cluster', 'examples/s', { rounds: 4, baseline, subject: () => trainRate({ workers: 2, parameterServers: 1, batches: 400 }) });
  loop.close();
  log('the cluster in processes against the same in threads ...');
  const shape = { workers: 2, parameterServers: 1, batches: 400 };
  const processes = await compare('processes', 'examples/s', {
    rounds: 4,
    baseline: () => trainRate(shape),
    subject: () => trainRate({ ...shape, isolation: 'process' }),
  });
  return [one, cluster, processes, ...(await demo(log))];
}

async function trainRate(shape: {
  readonly workers: number;
  readonly parameterServers: number;
  readonly batches: number;
  readonly isolation?: string;
}): Promise<number> {
  const params = { ...shape, batchSize };
  const measured = await jobRate({ bundle: benchJob('train-job'), params, parallelism: shape.workers, counter, total: shape.batches * batchSize });
  return measured.perSecond;
}

const demoFlights = 300_000;
const demoRounds = 3;

async function demo(log: (line: string) => void): Promise<BenchResult[]> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    const input = join(dir, 'flights.parquet');
    await firstFlights(demoFlights, input);
    const bundle = await bundleJob(fileURLToPath(new URL('../../examples/flight-delays/job.ts', import.meta.url)));
    const params = { input, output: join(dir, 'out'), features: 'days', workers: 2, batchSize };
    const runs: MeasuredRate[] = [];
    for (let round = 0; round < demoRounds; round++) {
      log(`demo on ${demoFlights} flights ...`);
      runs.push(await jobRate({ bundle, params, parallelism: 1, counter, total: demoFlights }));
    }
    const rates = runs.map(({ perSecond }) => perSecond);
    return [
      { name: 'demo', value: medianOf(runs, ({ perSecond }) => perSecond), unit: 'examples/s', spread: spread(rates) },
      { name: 'demo-starved', value: medianOf(runs, starved), unit: 'share of worker time' },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Time in which the workers waited for input, of all their time. */
function starved({ grown }: MeasuredRate): number {
  const of = (kind: string): number => {
    const seconds = grown.get(`${kind}_seconds_total{lateness worker}`);
    if (seconds === undefined) throw new Error(`the job has no time of kind ${kind} for its workers`);
    return seconds;
  };
  return of('idle') / (of('idle') + of('busy') + of('backpressured'));
}
