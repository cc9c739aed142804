import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeCase, drawCase, faultNames } from '../chaos/cases.js';
import { canFillDisk, runCase } from '../chaos/run-case.js';

// A short set of what `npm run chaos` runs any number of.
const seed = 1_000;

for (const [i, fault] of faultNames.entries()) {
  const chaos = { ...drawCase(seed + i, fault), records: 3_000 };
  const skip = fault === 'disk full' && !canFillDisk() ? 'a small disk cannot be mounted here' : false;
  test(`each record counts exactly once: ${describeCase(chaos)}`, { skip }, async () => {
    await runCase(chaos);
  });
}

test('in bsp, weights are the same bit by bit with kills and without', async () => {
  const calm = { ...drawCase(seed, 'worker throws'), mode: 'bsp', workers: 2, servers: 2, records: 2_500, hitsMs: [] } as const;
  const expected = await runCase(calm, { model: 'network' });
  const struck = await runCase({ ...calm, fault: 'worker thread dies', hitsMs: [1_000, 500], checkpointEveryMs: 90 }, { model: 'network' });
  const killed = await runCase({ ...calm, fault: 'job killed', hitsMs: [1_300], checkpointEveryMs: 130 }, { model: 'network' });
  assert.ok(struck.hits > 0 && killed.hits > 0);
  assert.deepEqual([struck.weights, killed.weights], [expected.weights, expected.weights]);
});
