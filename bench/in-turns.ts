import { setTimeout as delay } from 'node:timers/promises';
import type { RunningJob } from '../src/stream/index.js';
import { mean, median, spread, type BenchResult } from './harness.js';

/** What a job did in a window of time. */
export interface Window {
  readonly perSecond: number;
  /** Processor time of the whole process, ms. */
  readonly cpuMs: number;
  readonly count: number;
}

/** Neighbours in time, one of each. */
export interface Pair {
  readonly with: Window;
  readonly without: Window;
}

export interface InTurns {
  readonly job: RunningJob;
  /** The counter that says how far the job is, summed over its subtasks, `millrace_` included. */
  readonly counter: string;
  /** What the counter will come to. */
  readonly total: number;
  readonly windowMs: number;
  /** Begins what is measured; what it returns ends it. */
  readonly begin: () => () => void;
  /** The first window is one with it. */
  readonly startsWith: boolean;
}

/**
 * Measures one job in windows of time, with something going on in every second one. A machine that is not alone on its host gets
 * faster and slower by more, over a minute, than a few percent of difference; two windows that follow one another have
 * the same machine, the same compiled code and nearly the same state.
 *
 * ```
 * │ without │  with  │  with  │ without │ without │  with  │  …     until the job ends; its last window is left out
 *  ╰───── pair ─────╯ ╰───── pair ─────╯ ╰───── pair ─────╯
 * ```
 */
export async function inTurns({ job, counter, total, windowMs, begin, startsWith }: InTurns): Promise<Pair[]> {
  const read = (): { count: number; atMs: number; cpuMs: number } => {
    const { user, system } = process.cpuUsage();
    return { count: countOf(job, counter), atMs: performance.now(), cpuMs: (user + system) / 1000 };
  };
  const pairs: Pair[] = [];
  let first: Window | undefined;
  for (let isWith = startsWith; ;) {
    const from = read();
    const end = isWith ? begin() : undefined;
    await delay(windowMs);
    end?.();
    const to = read();
    if (to.count >= total) return pairs;
    const window = { perSecond: (1000 * (to.count - from.count)) / (to.atMs - from.atMs), cpuMs: to.cpuMs - from.cpuMs, count: to.count - from.count };
    if (first === undefined) {
      first = window;
      isWith = !isWith;
    } else {
      pairs.push(isWith ? { with: window, without: first } : { with: first, without: window });
      first = undefined;
    }
  }
}

export function countOf(job: RunningJob, counter: string): number {
  return job.metrics().reduce((sum, { name, value }) => (name === counter ? sum + value : sum), 0);
}

/** Rates with against those without, and how sure the mean of the ratios is. */
export function compareInTurns(name: string, unit: string, pairs: readonly Pair[]): BenchResult[] {
  const rates = pairs.map((pair) => pair.with.perSecond);
  const ratios = pairs.map((pair) => pair.with.perSecond / pair.without.perSecond);
  const logs = ratios.map(Math.log);
  const center = mean(logs);
  const variance = logs.reduce((sum, log) => sum + (log - center) ** 2, 0) / (logs.length - 1);
  return [
    { name, value: median(rates), unit, baseline: median(pairs.map((pair) => pair.without.perSecond)), ratio: median(ratios), spread: spread(ratios) },
    { name: `${name}-pairs`, value: pairs.length, unit: 'pairs' },
    { name: `${name}-mean-ratio`, value: Math.exp(center), unit: 'of the rate without' },
    { name: `${name}-standard-error`, value: Math.sqrt(variance / logs.length), unit: 'of the mean ratio' },
  ];
}
