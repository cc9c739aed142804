/** One figure of a bench. */
export interface BenchResult {
  readonly name: string;
  /** Median over the rounds. */
  readonly value: number;
  readonly unit: string;
  /** The same work done plainly, in the same unit and the same run. */
  readonly baseline?: number;
  /** value / baseline, median over the rounds. */
  readonly ratio?: number;
  /** (highest - lowest) / median over the rounds. */
  readonly spread?: number;
}

/** What a file bench/<name>.ts exports. `log` goes to stderr. */
export interface Bench {
  readonly run: (log: (line: string) => void) => Promise<BenchResult[]>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/**
 * Runs subject and baseline in turns, so that whatever else the machine does falls on both, after one round of each to
 * warm up.
 */
export async function compare(
  name: string,
  unit: string,
  options: { readonly rounds: number; readonly subject: () => number | Promise<number>; readonly baseline?: () => number | Promise<number> },
): Promise<BenchResult> {
  const subjects: number[] = [];
  const baselines: number[] = [];
  for (let round = -1; round < options.rounds; round++) {
    const baseline = await options.baseline?.();
    const subject = await options.subject();
    if (round < 0) continue;
    subjects.push(subject);
    if (baseline !== undefined) baselines.push(baseline);
  }
  const compared = baselines.length > 0 ? { baseline: median(baselines), ratio: median(subjects.map((value, i) => value / (baselines[i] as number))) } : {};
  return { name, value: median(subjects), unit, ...compared, spread: spread(subjects) };
}

/** Seconds that `action` took. */
export async function seconds(action: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}
