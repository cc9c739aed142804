import { fileURLToPath } from 'node:url';
import type { MetricSample } from '../src/core/index.js';
import { createEmbeddedEngine, loadJob } from '../src/engines/embedded/index.js';
import { buildGraph, type CheckpointSettings, type JobBundle, type RunningJob } from '../src/stream/index.js';
import { median } from './harness.js';

export interface StartedJob {
  readonly bundle: JobBundle;
  readonly params: Readonly<Record<string, unknown>>;
  readonly parallelism: number;
  /** Cuts that the job takes by itself. */
  readonly checkpoints?: CheckpointSettings;
}

export interface MeasuredJob extends StartedJob {
  /** The counter that says how far the job is, summed over its subtasks, `millrace_` included. */
  readonly counter: string;
  /** Looks at all metrics every few milliseconds. */
  readonly onMetrics?: (samples: readonly MetricSample[]) => void;
  /** What the counter has to come to. */
  readonly total: number;
}

export interface MeasuredRate {
  readonly perSecond: number;
  /** Every counter's growth over the measured time, by metric name and chain or operator: `busy_seconds_total{lateness worker}`. */
  readonly grown: ReadonlyMap<string, number>;
  readonly seconds: number;
}

/** The compiled job file beside this one; it needs no bundling. */
export function benchJob(name: string): JobBundle {
  return { path: fileURLToPath(new URL(`${name}.js`, import.meta.url)), hash: name };
}

/** Up to here a job starts its threads, loads modules, forms its cluster and warms up: none of that is in its rate. */
const warmShare = 0.2;
const pollMs = 10;

/** Starts a job on the embedded engine; warnings and errors go to stderr. */
export async function startJob({ bundle, params, parallelism, checkpoints }: StartedJob): Promise<RunningJob> {
  const definition = await loadJob(bundle);
  return createEmbeddedEngine().submit({
    id: definition.name,
    name: definition.name,
    graph: buildGraph(definition, params),
    bundle,
    params,
    parallelism,
    keyGroups: 128,
    overrides: {},
    ...(checkpoints === undefined ? {} : { checkpoints }),
    log: ({ level, message }) => {
      if (level === 'error' || level === 'warn') console.error(`${definition.name}: ${message}`);
    },
  });
}

/**
 * Runs a job on the embedded engine and gives the rate at which a counter grew, from the moment at which it had come to a
 * fifth of its total until it was complete.
 */
export async function jobRate({ counter, total, onMetrics, ...started }: MeasuredJob): Promise<MeasuredRate> {
  const job = await startJob(started);
  let first: Reading | undefined;
  let last: Reading | undefined;
  const timer = setInterval(() => {
    const samples = job.metrics();
    onMetrics?.(samples);
    const reading = read(samples, counter);
    if (reading.value >= total * warmShare) first ??= reading;
    // Counters keep their value when the job ends: the first reading of the total is the end.
    if (last === undefined || reading.value > last.value) last = reading;
  }, pollMs);
  try {
    await job.finished;
  } finally {
    clearInterval(timer);
  }
  if (first === undefined || last === undefined || last.atMs <= first.atMs) throw new Error(`${job.name}: too short to measure`);
  const from = first;
  const seconds = (last.atMs - from.atMs) / 1000;
  const grown = new Map([...last.counters].map(([key, value]) => [key, value - (from.counters.get(key) ?? 0)]));
  return { perSecond: (last.value - from.value) / seconds, grown, seconds };
}

interface Reading {
  readonly atMs: number;
  readonly value: number;
  readonly counters: ReadonlyMap<string, number>;
}

function read(samples: readonly MetricSample[], counter: string): Reading {
  const counters = new Map<string, number>();
  let value = 0;
  for (const sample of samples) {
    if (sample.type !== 'counter') continue;
    if (sample.name === counter) value += sample.value;
    const key = `${sample.name.replace('millrace_', '')}{${sample.labels['chain'] ?? sample.labels['operator'] ?? ''}}`;
    counters.set(key, (counters.get(key) ?? 0) + sample.value);
  }
  return { atMs: performance.now(), value, counters };
}

/** Median of what `of` gives over several runs. */
export function medianOf<T>(runs: readonly T[], of: (run: T) => number): number {
  return median(runs.map(of));
}
