import { parseArgs } from 'node:util';
import { deathsAtEveryMessage, emptyTally, randomSchedules } from './schedules.js';

/**
 * Many schedules of the simulated cluster: half with deaths at random moments, half with a death at every message.
 *
 *     npm run simulate -- [--schedules N] [--seed S]
 */
const { values } = parseArgs({ options: { schedules: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } } });
const schedules = Number(values.schedules);
const seed = Number(values.seed);
const started = performance.now();
const tally = await randomSchedules(seed, Math.floor(schedules / 2), emptyTally());
let swept = 0;
while (tally.schedules < schedules) await deathsAtEveryMessage(seed + swept++, schedules, tally);
console.log(
  `${tally.schedules} schedules from seed ${seed} in ${((performance.now() - started) / 1000).toFixed(0)} s; a death at every message of ${swept} of them`,
);
console.log(
  Object.entries(tally.seen)
    .map(([what, count]) => `${what} ${count}`)
    .join(', '),
);
for (const failure of tally.failures.slice(0, 20)) console.log(failure);
console.log(`${tally.failures.length} failed`);
process.exitCode = tally.failures.length > 0 ? 1 : 0;
