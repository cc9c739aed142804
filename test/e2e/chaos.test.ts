import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { describeCase, drawCase, type ChaosCase, type FaultName, type Medium } from '../chaos/cases.js';
import { KafkaGrounds } from '../chaos/kafka-grounds.js';
import { canFillDisk, runCase } from '../chaos/run-case.js';
import { missingForKafka } from '../kafka/kafka-jars.js';
import { missingKcat } from '../kafka/read-topic.js';

// A short set of what `npm run chaos` runs any number of.
const seed = 1_000;
const noKafka = (await missingForKafka()) ?? (await missingKcat());

/** Each kind of recovery once, by turns through Kafka and through files; a broker only for a moment out of reach. */
const short: readonly (readonly [FaultName, Medium])[] = [
  ['worker thread dies', 'kafka'],
  ['worker process killed', 'files'],
  ['parameter server thread dies', 'files'],
  ['application manager dies', 'kafka'],
  ['source throws', 'kafka'],
  ['sink thread dies', 'files'],
  ['job killed', 'kafka'],
  ['disk full', 'kafka'],
  ['broker killed', 'kafka'],
  ['broker unreachable', 'kafka'],
  ['broker frozen', 'kafka'],
  ['source of another region throws', 'files'],
];
const cases = short.map(([fault, through], i): ChaosCase => {
  const drawn = drawCase(seed + i, { fault, through });
  return { ...drawn, hitsAt: drawn.hitsAt.slice(0, 2), model: 'counter', outageMs: Math.min(drawn.outageMs, 1_500) };
});

describe('chaos', () => {
  let grounds: KafkaGrounds | undefined;
  before(async () => {
    if (noKafka === undefined) grounds = await KafkaGrounds.start();
  });
  after(() => grounds?.close());

  for (const chaos of cases) {
    const noDisk = chaos.fault === 'disk full' && !canFillDisk() ? 'a small disk cannot be mounted here' : undefined;
    test(
      `each record counts exactly once: ${describeCase(chaos)}`,
      { skip: (chaos.through === 'kafka' ? noKafka : undefined) ?? noDisk ?? false },
      async () => {
        await runCase(chaos, grounds);
      },
    );
  }

  test('in bsp, weights learned from one partition are the same bit by bit with kills and without', { skip: noKafka ?? false }, async () => {
    const shape = { mode: 'bsp', workers: 2, servers: 2, model: 'network', partitions: 1, records: 6_000, from: 'checkpoint' } as const;
    const calm: ChaosCase = { ...drawCase(seed, { fault: 'worker throws', through: 'kafka' }), ...shape, hitsAt: [] };
    const expected = await runCase(calm, grounds);
    const struck = await runCase({ ...calm, fault: 'worker thread dies', hitsAt: [0.2, 0.5], checkpointEveryMs: 90 }, grounds);
    const killed = await runCase({ ...calm, fault: 'job killed', hitsAt: [0.4], checkpointEveryMs: 130 }, grounds);
    assert.deepEqual([struck.weights, killed.weights], [expected.weights, expected.weights]);
  });
});
