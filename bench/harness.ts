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

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
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

/** Rates of several subjects, by name, round by round. */
export type Rates<K extends string> = Readonly<Record<K, readonly number[]>>;

/** Measures several subjects in turns, in another order in each round, after one round that is not counted. */
export async function alternate<K extends string>(subjects: Readonly<Record<K, () => number | Promise<number>>>, rounds: number): Promise<Rates<K>> {
  const names = Object.keys(subjects) as K[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
  for (let round = -1; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const rate = await subjects[name]();
      if (round >= 0) rates[name].push(rate);
    }
  }
  return rates;
}

/** One subject's rates against another's of the same rounds. */
export function against(name: string, unit: string, subject: readonly number[], baseline: readonly number[]): BenchResult {
  const ratio = median(subject.map((value, i) => value / (baseline[i] as number)));
  return { name, value: median(subject), unit, baseline: median(baseline), ratio, spread: spread(subject) };
}

/** Calls per second of `call` over `ms` milliseconds or a little more; at least one call. */
export async function callRate(call: () => unknown, ms: number): Promise<number> {
  const start = performance.now();
  let elapsed = 0;
  let calls = 0;
  do {
    const made = call();
    if (made instanceof Promise) await made;
    calls += 1;
    elapsed = performance.now() - start;
  } while (elapsed < ms);
  return (calls * 1000) / elapsed;
}

/** Seconds that `action` took. */
export async function seconds(action: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}
