/**
 * What checkpoints cost.
 *
 * - demo: the whole job of examples/flight-delays on all of its data, with a durable checkpoint every second against without, in
 *   turns of three seconds within each run, behind a first part in which all of it warms up; rates and the ratio are medians of pairs
 *   of turns, the spread is that of the ratios. demo-cpu: processor time that a checkpoint takes. Writing goes to the temporary
 *   directory.
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
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CheckpointRepository, DirectoryStorage, openStorage } from '../src/checkpoints/index.js';
import type { MetricSample } from '../src/core/index.js';
import { bundleJob } from '../src/engines/embedded/index.js';
import type { RunningJob } from '../src/stream/index.js';
import { allFlights } from './first-flights.js';
import { mean, median, type BenchResult } from './harness.js';
import { compareInTurns, countOf, inTurns, type Pair } from './in-turns.js';
import { benchJob, jobRate, startJob } from './job-rate.js';

const everyMs = 1_000;
const counter = 'millrace_training_examples_total';
const flights = 3_000_000;
/** Of the flights, before the first turn. */
const warmShare = 0.25;
const warmCheckpoints = 3;
const runs = 8;
const turnMs = 3_000;
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

function repository(dir: string, name: string): CheckpointRepository {
  return new CheckpointRepository(new DirectoryStorage(join(dir, name)), { lineage: name, retain: 3, openTarget: openStorage, warn: console.error });
}

/** Takes checkpoints from now on; one that fails ends the bench. What it returns ends that, and says how many there were. */
function everySecond(job: RunningJob): () => number {
  let isTaking = false;
  let taken = 0;
  const take = async (): Promise<void> => {
    if (isTaking || countOf(job, counter) >= flights) return;
    isTaking = true;
    try {
      await job.savepoint();
      taken++;
    } catch (thrown) {
      // The end of the job takes the last one along.
      if (job.state === 'running') throw thrown;
    }
    isTaking = false;
  };
  void take();
  const timer = setInterval(() => void take(), everyMs);
  return () => {
    clearInterval(timer);
    return taken;
  };
}

async function demo(dir: string, log: (line: string) => void): Promise<BenchResult[]> {
  const bundle = await bundleJob(fileURLToPath(new URL('../../examples/flight-delays/job.ts', import.meta.url)));
  const params = { input: allFlights, output: join(dir, 'out'), features: 'days', workers: 2, batchSize: 512 };
  const pairs: Pair[] = [];
  const perTurn: number[] = [];
  for (let run = 0; run < runs; run++) {
    const store = repository(dir, `demo${run}`);
    const job = await startJob({
      ...{ bundle, params, parallelism: 1 },
      // What a job takes by itself cannot be switched on and off. This is taken on demand, and kept, written and dropped as that is.
      checkpoints: { everyMs: undefined, store: { write: (cut) => store.write({ ...cut, kind: 'checkpoint' }) } },
    });
    // A job that fails ends the bench here and below: nobody has taken the rejection of job.finished.
    while (countOf(job, counter) < flights * warmShare) await delay(10);
    for (let i = 0; i < warmCheckpoints; i++) await job.savepoint();
    const begin = (): (() => void) => {
      const end = everySecond(job);
      return () => perTurn.push(end());
    };
    const measured = await inTurns({ job, counter, total: flights, windowMs: turnMs, begin, startsWith: run % 2 === 1 });
    await job.finished;
    pairs.push(...measured);
    log(`demo, run ${run + 1}: ${measured.map((pair) => (pair.with.perSecond / pair.without.perSecond).toFixed(3)).join(' ')}`);
  }
  // For as many examples as the turn with checkpoints had.
  const moreMs = pairs.map((pair) => pair.with.cpuMs - (pair.without.cpuMs / pair.without.count) * pair.with.count);
  return [
    ...compareInTurns('demo', 'examples/s', pairs),
    { name: 'demo-checkpoints', value: mean(perTurn), unit: `per turn of ${turnMs / 1000} s` },
    { name: 'demo-cpu', value: median(moreMs) / mean(perTurn), unit: 'ms per checkpoint' },
  ];
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
    checkpoints: { everyMs, store: repository(dir, 'large') },
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
