/**
 * What checkpoints cost.
 *
 * - demo: the whole graph of examples/flight-delays on the first flights of its data with a durable checkpoint every second;
 *   baseline is the same without. Writing goes to the temporary directory.
 * - large-model-stop: a model of 64 MiB, a step every two seconds, a checkpoint every second: what a cut cost the worker beyond
 *   its step: from the acknowledgement of its push until it went on; without the first cut, in which everything warms up.
 * - large-model-write: how long such a checkpoint takes, beside the training.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CheckpointRepository, DirectoryStorage, openStorage } from '../src/checkpoints/index.js';
import type { MetricSample } from '../src/core/index.js';
import { bundleJob } from '../src/engines/embedded/index.js';
import type { CheckpointSettings } from '../src/stream/index.js';
import { firstFlights } from './first-flights.js';
import { compare, median, type BenchResult } from './harness.js';
import { benchJob, jobRate } from './job-rate.js';

const counter = 'millrace_training_examples_total';
const flights = 300_000;
const rounds = 3;
const largeRecords = 200;

export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    const large = await largeModel(dir, log);
    return [await demo(dir, log), ...large];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function everySecond(dir: string, name: string): CheckpointSettings {
  const store = new CheckpointRepository(new DirectoryStorage(join(dir, name)), { lineage: name, retain: 3, openTarget: openStorage, warn: console.error });
  return { everyMs: 1_000, store };
}

async function demo(dir: string, log: (line: string) => void): Promise<BenchResult> {
  const input = join(dir, 'flights.parquet');
  await firstFlights(flights, input);
  const bundle = await bundleJob(fileURLToPath(new URL('../../examples/flight-delays/job.ts', import.meta.url)));
  const params = { input, output: join(dir, 'out'), features: 'days', workers: 2, batchSize: 512 };
  let runs = 0;
  const rate = async (checkpoints?: CheckpointSettings): Promise<number> => {
    log(`demo ${checkpoints === undefined ? 'without' : 'with'} checkpoints ...`);
    const measured = await jobRate({ bundle, params, parallelism: 1, counter, total: flights, ...(checkpoints === undefined ? {} : { checkpoints }) });
    return measured.perSecond;
  };
  return compare('demo', 'examples/s', { rounds, baseline: () => rate(), subject: () => rate(everySecond(dir, `demo${runs++}`)) });
}

async function largeModel(dir: string, log: (line: string) => void): Promise<BenchResult[]> {
  log('64 MiB model ...');
  const stopsMs: number[] = [];
  const writesMs: number[] = [];
  let number = 0;
  const onMetrics = (samples: readonly MetricSample[]): void => {
    const newest = samples.find(({ name }) => name === 'millrace_checkpoint_number')?.value ?? 0;
    if (newest === number) return;
    number = newest;
    const of = (name: string, role?: string): number =>
      1000 * Math.max(0, ...samples.filter((sample) => sample.name === name && sample.labels['role'] === role).map(({ value }) => value));
    if (number === 1) return;
    stopsMs.push(of('millrace_mark_seconds', 'worker'));
    writesMs.push(of('millrace_checkpoint_write_seconds'));
  };
  await jobRate({
    ...{ bundle: benchJob('large-model-job'), params: { records: largeRecords }, parallelism: 1, counter, total: largeRecords, onMetrics },
    checkpoints: everySecond(dir, 'large'),
  });
  log(`${stopsMs.length} checkpoints: the worker stopped for ${stopsMs.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  return [
    { name: 'large-model-stop-median', value: median(stopsMs), unit: 'ms' },
    { name: 'large-model-stop-worst', value: Math.max(...stopsMs), unit: 'ms' },
    { name: 'large-model-write', value: median(writesMs), unit: 'ms' },
  ];
}
