import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Collector } from '../../../src/connectors/index.js';
import { createEmbeddedEngine, loadJob } from '../../../src/engines/embedded/index.js';
import { buildGraph } from '../../../src/stream/job.js';

it('a chief evaluates versions of the model while workers train it with an entry of their own', { timeout: 120_000 }, async () => {
  const path = fileURLToPath(new URL('../../../examples/custom-role/job.js', import.meta.url));
  const definition = await loadJob({ path });
  const params = { records: 40_000, quiet: true };
  const evaluations = new Collector<{ version: number; accuracy: number }>('evaluations');
  const losses = new Collector<{ worker: number; loss: number }>('losses');
  const job = await createEmbeddedEngine().submit({
    id: 'custom-role-test',
    name: definition.name,
    graph: buildGraph(definition, params),
    bundle: { path, hash: 'test' },
    params,
    parallelism: 1,
    keyGroups: 128,
    overrides: {},
    log: () => undefined,
    onReport: (report) => {
      evaluations.accept(report);
      losses.accept(report);
    },
  });
  const summary = await job.finished;
  assert.equal(summary.state, 'finished');
  assert.equal(losses.rows.length, 40_000 / 64);
  assert.deepEqual([...new Set(losses.rows.map(({ worker }) => worker))].sort(), [0, 1]);
  const versions = evaluations.rows.map(({ version }) => version);
  assert.ok(versions.length >= 2, `${versions.length} versions evaluated`);
  assert.deepEqual(
    [...versions].sort((a, b) => a - b),
    versions,
  );
  assert.ok(evaluations.rows.at(-1)!.accuracy > 0.85, `accuracy ${evaluations.rows.at(-1)!.accuracy}`);
});
