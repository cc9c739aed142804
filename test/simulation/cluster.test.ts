import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulateCluster } from '../../src/testing/simulation/index.js';
import { deathsAtEveryMessage, emptyTally, randomSchedules, type Tally } from './schedules.js';

/** Replay one schedule with SIMULATION_SEED=<seed>; move to other schedules with SIMULATION_FROM=<seed>; more of them: npm run simulate. */
const replay = process.env['SIMULATION_SEED'];
const from = Number(process.env['SIMULATION_FROM'] ?? 1);
const schedules = 6_000;
const sweptSeeds = 4;

function assertNone(failures: Tally['failures']): void {
  assert.deepEqual(failures.slice(0, 10), [], `${failures.length} schedules failed; replay one with SIMULATION_SEED=<seed>`);
}

describe('a simulated cluster under deaths and cuts', () => {
  it(
    replay === undefined ? `learns each record once in ${schedules} schedules from seed ${from}` : `learns each record once under seed ${replay}`,
    { timeout: 300_000 },
    async () => {
      const { seen, failures } = await (replay === undefined ? randomSchedules(from, schedules) : randomSchedules(Number(replay), 1));
      assertNone(failures);
      if (replay !== undefined) return;
      // The schedules are worth something only where all of it happens.
      for (const [what, count] of Object.entries(seen)) assert.ok(count > schedules / 20, `${what} happened ${count} times in ${schedules} schedules`);
    },
  );

  it(
    `learns each record once when a worker, a server, the manager or the job dies before any message of ${sweptSeeds} schedules`,
    { timeout: 300_000 },
    async () => {
      const tally = emptyTally();
      for (let seed = from; seed < from + sweptSeeds; seed++) await deathsAtEveryMessage(seed, Infinity, tally);
      assertNone(tally.failures);
      for (const who of ['worker', 'ps', 'am', 'job'] as const)
        assert.ok(tally.seen[who] > tally.schedules / 8, `${who} died ${tally.seen[who]} times in ${tally.schedules} schedules`);
    },
  );

  it('runs a schedule the same way each time', async () => {
    assert.deepEqual(await simulateCluster(4711), await simulateCluster(4711));
    const deaths = [{ beforeMessage: 40, who: 'worker' as const }];
    assert.deepEqual(await simulateCluster(4711, { deaths }), await simulateCluster(4711, { deaths }));
  });
});
