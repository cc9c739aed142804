import { simulateCluster, type SimulationResult, type Victim } from '../../src/testing/simulation/index.js';

export interface Tally {
  schedules: number;
  readonly seen: Record<'cuts' | 'aborted' | 'bsp' | Victim, number>;
  readonly failures: string[];
}

export function emptyTally(): Tally {
  return { schedules: 0, seen: { cuts: 0, aborted: 0, bsp: 0, worker: 0, ps: 0, am: 0, job: 0 }, failures: [] };
}

async function run(tally: Tally, simulate: () => Promise<SimulationResult>): Promise<void> {
  tally.schedules++;
  try {
    const { cuts, aborted, kills, mode } = await simulate();
    tally.seen.cuts += cuts;
    tally.seen.aborted += aborted;
    if (mode === 'bsp') tally.seen.bsp++;
    for (const [who, count] of Object.entries(kills)) tally.seen[who as Victim] += count;
  } catch (thrown) {
    tally.failures.push((thrown as Error).message);
  }
}

/** Schedules with deaths at random moments. */
export async function randomSchedules(from: number, count: number, tally = emptyTally()): Promise<Tally> {
  for (let i = 0; i < count; i++) await run(tally, () => simulateCluster(from + i));
  return tally;
}

/** Every schedule of a seed in which one node dies before one message: each victim at each message. Stops after `limit`. */
export async function deathsAtEveryMessage(seed: number, limit = Infinity, tally = emptyTally()): Promise<Tally> {
  const { messages } = await simulateCluster(seed, { deaths: [] });
  for (let beforeMessage = 0; beforeMessage < messages; beforeMessage++) {
    for (const who of ['worker', 'ps', 'am', 'job'] as const) {
      if (tally.schedules >= limit) return tally;
      await run(tally, () => simulateCluster(seed, { deaths: [{ beforeMessage, who }] }));
    }
  }
  return tally;
}
