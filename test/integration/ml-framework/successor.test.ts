import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Collector } from '../../../src/connectors/index.js';
import type { LogRecord } from '../../../src/core/index.js';
import { createEmbeddedEngine, loadJob } from '../../../src/engines/embedded/index.js';
import type { JobSubmission, RunningJob } from '../../../src/stream/engine.js';
import { buildGraph } from '../../../src/stream/job.js';
import { restartStrategy, roleRestart, type RestartScope, type RestartSettings } from '../../../src/stream/restart-options.js';

const records = 4_000;
const folder = mkdtempSync(join(tmpdir(), 'successor-test-'));
after(() => rmSync(folder, { recursive: true }));

interface Dying {
  readonly job: RunningJob;
  readonly predictions: Collector<{ n: number }>;
  readonly logs: readonly LogRecord[];
  readonly output: string;
}

async function start(change: Readonly<Record<string, unknown>>, submission: Partial<JobSubmission> = {}): Promise<Dying> {
  const path = fileURLToPath(new URL('./support/dying-job.js', import.meta.url));
  const output = mkdtempSync(join(folder, 'model-'));
  const params = { records, mode: 'bsp', isolation: 'thread', how: 'throw', at: 15, deaths: 2, servers: 2, output, ...change };
  const predictions = new Collector<{ n: number }>('predictions');
  const logs: LogRecord[] = [];
  const job = await createEmbeddedEngine().submit({
    ...{ id: 'dying-test', name: 'dying', graph: buildGraph(await loadJob({ path }), params), bundle: { path, hash: 'test' }, params },
    ...{ parallelism: 1, keyGroups: 128, overrides: {} },
    checkpoints: { everyMs: 100, store: undefined },
    restart: { otherwise: restartStrategy.parse({ strategy: 'fixedDelay', attempts: 5, delay: 0 }), roles: {} },
    log: (record) => void logs.push(record),
    onReport: (report) => predictions.accept(report),
    ...submission,
  });
  return { job, predictions, logs, output };
}

/** Each record was predicted once and counts once. */
function assertExact({ predictions, output }: Dying): void {
  assert.deepEqual(
    predictions.rows.map(({ n }) => n).sort((a, b) => a - b),
    Array.from({ length: records }, (_, n) => n),
  );
  assert.equal(new Float32Array(Uint8Array.from(readFileSync(join(output, 'weights.bin'))).buffer)[0], records);
}

for (const { how, isolation } of [
  { how: 'throw', isolation: 'thread' },
  { how: 'exit', isolation: 'thread' },
  { how: 'throw', isolation: 'process' },
  { how: 'kill', isolation: 'process' },
] as const) {
  for (const mode of ['bsp', 'asp'] as const) {
    test(`a worker ${isolation} that ends by '${how}' is replaced alone in ${mode}: nobody else starts again, each record counts once`, async () => {
      const dying = await start({ how, isolation, mode });
      const { restarts, nodeRestarts } = await dying.job.finished;
      assert.deepEqual([restarts, nodeRestarts], [0, 2], JSON.stringify(dying.logs.filter(({ level }) => level !== 'info')));
      assertExact(dying);
      const warnings = dying.logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
      assert.equal(warnings.filter((message) => /^counter worker \(subtask 1 of 2\) restarts alone in 0 ms: /.test(message)).length, 2, warnings.join('\n'));
    });
  }
}

test('a worker with several input channels takes the job back to its last cut: it could read them in another order', async () => {
  const dying = await start({ deaths: 1 }, { parallelism: 2 });
  const { restarts, nodeRestarts } = await dying.job.finished;
  assert.deepEqual([restarts, nodeRestarts], [1, 0]);
  assertExact(dying);
});

test('past the limit of its role the job fails with the first cause', async () => {
  const worker = restartStrategy.parse({ strategy: 'fixedDelay', attempts: 2, delay: 0 });
  const { job } = await start({ deaths: 9 }, { restart: { otherwise: restartStrategy.parse({ strategy: 'none' }), roles: { worker } } });
  await assert.rejects(job.finished, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'NODE_ENTRY');
    assert.match(
      error.message,
      /attempt 0 of the worker ends \(restarted 2 times, the limit of role worker is 2 restarts; the last failure was: .*attempt 2 of/,
    );
    return true;
  });
  assert.deepEqual([job.status().restarts, job.status().nodeRestarts], [0, 2]);
});

test('without a restart strategy for its role a worker takes the job with it', async () => {
  const none = restartStrategy.parse({ strategy: 'none' });
  const { job } = await start({}, { restart: { otherwise: restartStrategy.parse({ strategy: 'fixedDelay' }), roles: { worker: none } } });
  await assert.rejects(job.finished, { code: 'NODE_ENTRY', message: /attempt 0 of the worker ends$/ });
});

function scoped(role: string, scope: RestartScope): { readonly restart: RestartSettings } {
  const strategy = { strategy: 'fixedDelay', attempts: 3, delay: 0 } as const;
  return { restart: { otherwise: restartStrategy.parse(strategy), roles: { [role]: roleRestart.parse({ ...strategy, scope }) } } };
}

test("with scope 'node' the worker alone starts again where that is not exact, and what was under way is counted", async () => {
  const dying = await start({ deaths: 1, mode: 'asp' }, { parallelism: 2, ...scoped('worker', 'node') });
  const { restarts, nodeRestarts } = await dying.job.finished;
  assert.deepEqual([restarts, nodeRestarts], [0, 1]);
  const { unacknowledgedBatches = 0 } = dying.job.status();
  // The batch that it asked for, and those whose pushes were outstanding.
  assert.ok(unacknowledgedBatches >= 1 && unacknowledgedBatches <= 3, String(unacknowledgedBatches));
  const metric = dying.job.metrics().find(({ name }) => name === 'millrace_unacknowledged_batches_total');
  assert.equal(metric?.value, unacknowledgedBatches);
  const learned = new Float32Array(Uint8Array.from(readFileSync(join(dying.output, 'weights.bin'))).buffer)[0]!;
  assert.ok(Math.abs(learned - records) <= 32 * unacknowledgedBatches, String(learned));
  assert.ok(new Set(dying.predictions.rows.map(({ n }) => n)).size >= records - 32 * unacknowledgedBatches);
});

test("with scope 'region' a worker takes its region back to its last cut also where it could be replaced alone", async () => {
  const dying = await start({ deaths: 1 }, scoped('worker', 'region'));
  const { restarts, nodeRestarts } = await dying.job.finished;
  assert.deepEqual([restarts, nodeRestarts], [1, 0]);
  assertExact(dying);
});

for (const [role, servers] of [
  ['ps', 1],
  ['am', 1],
  ['worker', 0],
] as const) {
  test(`scope 'node' is refused for role ${role} of a cluster with ${servers} parameter servers: its nodes hold what nobody else has`, async () => {
    await assert.rejects(start({ servers }, scoped(role, 'node')), {
      code: 'OPTION_INVALID',
      message: new RegExp(`^restartRoles\\.${role}: scope 'node' is not possible: a failed counter ${role} takes along`),
    });
  });
}
