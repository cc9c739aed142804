import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulateCluster } from '../../src/testing/simulation/index.js';

/** Replay one schedule with SIMULATION_SEED=<seed>; move to other schedules with SIMULATION_FROM=<seed>. */
const replay = process.env['SIMULATION_SEED'];
const from = Number(process.env['SIMULATION_FROM'] ?? 1);
const schedules = 10_000;

describe('a simulated cluster under deaths and cuts', () => {
  it(
    replay === undefined ? `learns each record once in ${schedules} schedules from seed ${from}` : `learns each record once under seed ${replay}`,
    { timeout: 300_000 },
    async () => {
      const seeds = replay === undefined ? Array.from({ length: schedules }, (_, i) => from + i) : [Number(replay)];
      const seen = { cuts: 0, aborted: 0, worker: 0, ps: 0, am: 0, bsp: 0 };
      const failures: string[] = [];
      for (const seed of seeds) {
        try {
          const { cuts, aborted, kills, mode } = await simulateCluster(seed);
          seen.cuts += cuts;
          seen.aborted += aborted;
          seen.worker += kills.worker;
          seen.ps += kills.ps;
          seen.am += kills.am;
          if (mode === 'bsp') seen.bsp++;
        } catch (thrown) {
          failures.push((thrown as Error).message);
        }
      }
      assert.deepEqual(failures.slice(0, 10), [], `${failures.length} schedules failed; replay one with SIMULATION_SEED=<seed>`);
      if (replay !== undefined) return;
      // The schedules are worth something only where all of it happens.
      for (const [what, count] of Object.entries(seen)) assert.ok(count > schedules / 10, `${what} happened ${count} times in ${schedules} schedules`);
    },
  );

  it('runs a schedule the same way each time', async () => {
    assert.deepEqual(await simulateCluster(4711), await simulateCluster(4711));
  });
});
