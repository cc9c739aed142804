import type { TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const mebibyte = 1024 ** 2;
const rounds = 3;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Resident memory without what only waits to be collected. */
function residentMiB(): number {
  collect();
  return process.memoryUsage.rss() / mebibyte;
}

export interface Growth {
  readonly warmUp: number;
  readonly count: number;
  /** What a round must stay below; more is measured again. */
  readonly limitMiB: number;
}

/**
 * Growth of this process's memory while `work` runs `count` times, after `warmUp` runs. What exceeds the limit is measured
 * again, up to three rounds, and the least counts: a leak grows by as much in every round, an allocator that sets up another
 * arena for a thread that a busy machine has delayed does so once.
 */
export async function growthMiB(t: TestContext, { warmUp, count, limitMiB }: Growth, work: (i: number) => unknown): Promise<number> {
  for (let i = 0; i < warmUp; i++) await work(i);
  let least = Infinity;
  for (let round = 0; round < rounds && least >= limitMiB; round++) {
    const before = residentMiB();
    for (let i = 0; i < count; i++) await work(i);
    const grown = residentMiB() - before;
    t.diagnostic(`grew by ${grown.toFixed(1)} MiB`);
    least = Math.min(least, grown);
  }
  return least;
}
