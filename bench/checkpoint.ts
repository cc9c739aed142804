/**
 * What checkpoints cost.
 *
 * - demo: the whole graph of examples/flight-delays on the first flights of its data with a durable checkpoint every second;
 *   baseline is the same without. Writing goes to the temporary directory. demo-checkpoints: how many a run took.
 * - large-model-*: a model of 64 MiB, a step every two seconds, a checkpoint every second, without the first cut, in which
 *   everything warms up. For how long the worker stands still at a cut, and what for:
 *
 *       barrier comes ── drain ──► push acknowledged ── stop ──► marked, goes on ── hold ──► next push is let in
 *
 *   drain: the wait for the outstanding push, which a step would end with anyway; stop: what the cut adds to it; hold: until
 *   the shard has its snapshot; the worker computes meanwhile, and only a push that is faster than that waits.
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
const flights = 1_500_000;
const rounds = 5;
/** Fewer in a run say little of what they cost. */
const leastCheckpoints = 10;
const largeRecords = 200;

export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    const large = await largeModel(dir, log);
    return [...(await demo(dir, log)), ...large];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function everySecond(dir: string, name: string): CheckpointSettings {
  const store = new CheckpointRepository(new DirectoryStorage(join(dir, name)), { lineage: name, retain: 3, openTarget: openStorage, warn: console.error });
  return { everyMs: 1_000, store };
}

async function demo(dir: string, log: (line: string) => void): Promise<BenchResult[]> {
  const input = join(dir, 'flights.parquet');
  await firstFlights(flights, input);
  const bundle = await bundleJob(fileURLToPath(new URL('../../examples/flight-delays/job.ts', import.meta.url)));
  const params = { input, output: join(dir, 'out'), features: 'days', workers: 2, batchSize: 512 };
  const taken: number[] = [];
  const rate = async (checkpoints?: CheckpointSettings): Promise<number> => {
    let number = 0;
    const onMetrics = (samples: readonly MetricSample[]): void => {
      number = samples.find(({ name }) => name === 'millrace_checkpoint_number')?.value ?? 0;
    };
    const measured = await jobRate({
      ...{ bundle, params, parallelism: 1, counter, total: flights },
      ...(checkpoints === undefined ? {} : { checkpoints, onMetrics }),
    });
    log(`demo ${checkpoints === undefined ? 'without' : `with ${number}`} checkpoints: ${measured.perSecond.toFixed(0)} examples/s`);
    if (checkpoints !== undefined) taken.push(number);
    return measured.perSecond;
  };
  const compared = await compare('demo', 'examples/s', { rounds, baseline: () => rate(), subject: () => rate(everySecond(dir, `demo${taken.length}`)) });
  if (Math.min(...taken) < leastCheckpoints) throw new Error(`a run took only ${Math.min(...taken)} checkpoints: raise flights`);
  return [compared, { name: 'demo-checkpoints', value: median(taken), unit: 'per run' }];
}

async function largeModel(dir: string, log: (line: string) => void): Promise<BenchResult[]> {
  log('64 MiB model ...');
  const cuts: { readonly drain: number; readonly stop: number; readonly hold: number; readonly write: number }[] = [];
  let number = 0;
  const onMetrics = (samples: readonly MetricSample[]): void => {
    const newest = samples.find(({ name }) => name === 'millrace_checkpoint_number')?.value ?? 0;
    if (newest === number) return;
    number = newest;
    if (number === 1) return;
    const ms = (name: string, role?: string): number =>
      1000 * Math.max(0, ...samples.filter((sample) => sample.name === name && sample.labels['role'] === role).map(({ value }) => value));
    const stop = ms('millrace_mark_seconds', 'worker');
    const drain = ms('millrace_barrier_seconds', 'worker') - stop;
    cuts.push({ drain, stop, hold: ms('millrace_cut_hold_seconds', 'ps'), write: ms('millrace_checkpoint_write_seconds') });
  };
  await jobRate({
    ...{ bundle: benchJob('large-model-job'), params: { records: largeRecords }, parallelism: 1, counter, total: largeRecords, onMetrics },
    checkpoints: everySecond(dir, 'large'),
  });
  for (const { drain, stop, hold } of cuts) log(`cut: drain ${drain.toFixed(1)} ms, stop ${stop.toFixed(1)} ms, hold ${hold.toFixed(1)} ms`);
  const all = (of: keyof (typeof cuts)[number]): number[] => cuts.map((cut) => cut[of]);
  return [
    { name: 'large-model-stop-median', value: median(all('stop')), unit: 'ms' },
    { name: 'large-model-stop-worst', value: Math.max(...all('stop')), unit: 'ms' },
    { name: 'large-model-drain-worst', value: Math.max(...all('drain')), unit: 'ms' },
    { name: 'large-model-hold-worst', value: Math.max(...all('hold')), unit: 'ms' },
    { name: 'large-model-write', value: median(all('write')), unit: 'ms' },
  ];
}
