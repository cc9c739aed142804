import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Collector } from '../../../src/connectors/index.js';
import { createEmbeddedEngine, loadJob } from '../../../src/engines/embedded/index.js';
import { buildGraph } from '../../../src/stream/job.js';

interface Score {
  readonly n: number;
  readonly probability: number;
  readonly modelVersion: number;
}

async function scores(params: Readonly<Record<string, unknown>>): Promise<readonly Score[]> {
  const path = fileURLToPath(new URL('./support/score-job.js', import.meta.url));
  const definition = await loadJob({ path });
  const collected = new Collector<Score>('scores');
  const job = await createEmbeddedEngine().submit({
    id: 'score-test',
    name: 'score',
    graph: buildGraph(definition, params),
    bundle: { path, hash: 'test' },
    params,
    parallelism: 1,
    keyGroups: 128,
    overrides: {},
    log: () => undefined,
    onReport: (report) => {
      collected.accept(report);
    },
  });
  await job.finished;
  return collected.rows;
}

describe('score on the embedded engine', () => {
  for (const servers of [0, 1]) {
    it(`scores every record once, in order, with a model that trains on ${servers} parameter servers in the same job`, { timeout: 120_000 }, async () => {
      const records = 3_000;
      const rows = await scores({ records, servers });
      assert.deepEqual(
        rows.map(({ n }) => n),
        Array.from({ length: records }, (_, n) => n),
      );
      assert.ok(rows.every(({ probability }) => probability >= 0 && probability <= 1));
      const versions = rows.map(({ modelVersion }) => modelVersion);
      assert.deepEqual(
        versions.toSorted((a, b) => a - b),
        versions,
      );
    });
  }
});
