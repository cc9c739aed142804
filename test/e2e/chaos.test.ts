import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { describeCase, drawCase, faultNames, faults, type ChaosCase } from '../chaos/cases.js';
import { KafkaGrounds } from '../chaos/kafka-grounds.js';
import { canFillDisk, runCase } from '../chaos/run-case.js';
import { missingForKafka } from '../kafka/kafka-jars.js';
import { missingKcat } from '../kafka/read-topic.js';

// A short set of what `npm run chaos` runs any number of.
const seed = 1_000;
const noKafka = (await missingForKafka()) ?? (await missingKcat());

/** Every fault once, by turns through files and through Kafka; a broker only for a moment out of reach. */
const cases = faultNames.map((fault, i): ChaosCase => {
  const through = i % 2 === 0 || faults[fault].at === 'broker' ? 'kafka' : 'files';
  const drawn = drawCase(seed + i, { fault, through });
  return { ...drawn, model: 'counter', records: 3_000, outageMs: Math.min(drawn.outageMs, 1_500) };
});

describe('chaos', () => {
  let grounds: KafkaGrounds | undefined;
  before(async () => {
    if (noKafka === undefined) grounds = await KafkaGrounds.start();
  });
  after(() => grounds?.close());

  for (const chaos of cases) {
    const noDisk = chaos.fault === 'disk full' && !canFillDisk() ? 'a small disk cannot be mounted here' : undefined;
    test(`each record counts exactly once: ${describeCase(chaos)}`, { skip: (chaos.through === 'kafka' ? noKafka : undefined) ?? noDisk ?? false }, async () => {
      await runCase(chaos, grounds);
    });
  }

  for (const through of ['files', 'kafka'] as const) {
    test(`in bsp, weights are the same bit by bit with kills and without (${through})`, { skip: (through === 'kafka' ? noKafka : undefined) ?? false }, async () => {
      const shape = { mode: 'bsp', workers: 2, servers: 2, model: 'network', partitions: 1, records: 2_500 } as const;
      const calm: ChaosCase = { ...drawCase(seed, { fault: 'worker throws', through }), ...shape, hitsMs: [] };
      const expected = await runCase(calm, grounds);
      const struck = await runCase({ ...calm, fault: 'worker thread dies', hitsMs: [1_000, 500], checkpointEveryMs: 90 }, grounds);
      const killed = await runCase({ ...calm, fault: 'job killed', hitsMs: [1_300], checkpointEveryMs: 130 }, grounds);
      assert.ok(struck.hits > 0 && killed.hits > 0);
      assert.deepEqual([struck.weights, killed.weights], [expected.weights, expected.weights]);
    });
  }
});
