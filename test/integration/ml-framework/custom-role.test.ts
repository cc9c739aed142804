import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Collector } from '../../../src/connectors/index.js';
import { createEmbeddedEngine, loadJob } from '../../../src/engines/embedded/index.js';
import { buildGraph } from '../../../src/stream/job.js';

const deadlineMs = 60_000;

it('a chief evaluates versions of the model while workers train it with an entry of their own', { timeout: 120_000 }, async () => {
  const path = fileURLToPath(new URL('../../../examples/custom-role/job.js', import.meta.url));
  const definition = await loadJob({ path });
  // More than are trained: the job goes on until the chief has seen what it has to, and is stopped.
  const params = { records: 1_000_000_000, quiet: true };
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
  const until = Date.now() + deadlineMs;
  while ((evaluations.rows.length < 3 || evaluations.rows.at(-1)!.accuracy <= 0.85) && Date.now() < until) await delay(20);
  const summary = await job.stop();
  assert.equal(summary.state, 'finished');
  const read = summary.operators.find(({ kind }) => kind === 'source')!.recordsOut;
  assert.equal(losses.rows.length, Math.ceil(read / 64));
  assert.deepEqual([...new Set(losses.rows.map(({ worker }) => worker))].sort(), [0, 1]);
  const versions = evaluations.rows.map(({ version }) => version);
  assert.ok(versions.length >= 3, `${versions.length} versions evaluated`);
  assert.deepEqual(
    [...versions].sort((a, b) => a - b),
    versions,
  );
  assert.ok(evaluations.rows.at(-1)!.accuracy > 0.85, `accuracy ${evaluations.rows.at(-1)!.accuracy}`);
});
