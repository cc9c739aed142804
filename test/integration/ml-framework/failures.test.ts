import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generator } from '../../../src/connectors/index.js';
import type { EncodedError, MillraceError } from '../../../src/core/index.js';
import { t } from '../../../src/memory/schema.js';
import { addAMRole, addRole, defineCluster } from '../../../src/ml-framework/index.js';
import '../../../src/roles/index.js';
import { buildGraph, defineJob, type JobOptions } from '../../../src/stream/job.js';
import { planJob } from '../../../src/stream/planner/index.js';
import { category, concat, defineModel, dense, numeric, sgd } from '../../../src/tensorflow/model/index.js';
import type { Failure } from './support/failing-job.js';

interface Outcome {
  readonly error?: EncodedError;
  readonly durationMs: number;
}

/** Runs a job in a process of its own, which has to end by itself. */
function run(file: string, params: Readonly<Record<string, unknown>>): Promise<Outcome> {
  const script = fileURLToPath(new URL('./support/run-job.js', import.meta.url));
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, file, JSON.stringify(params)], { timeout: 60_000, killSignal: 'SIGKILL' }, (failed, stdout, stderr) => {
      // Killed at the timeout: the job hung, or left something open.
      if (failed !== null) reject(new Error(`the process did not end by itself: ${failed.message}\n${stdout}\n${stderr}`, { cause: failed }));
      else resolve(JSON.parse(stdout) as Outcome);
    });
  });
}

const cases: Readonly<Record<Failure, { readonly title: string; readonly code: string; readonly message: RegExp }>> = {
  entryThrows: {
    title: 'a node entry that throws',
    code: 'NODE_ENTRY',
    message: /worker 1 of cluster fragile: its entry threw: the third batch is too much/,
  },
  nodeMissing: {
    title: 'a node that never registers',
    code: 'NODE_NOT_REGISTERED',
    message: /cluster fragile: chief 0 did not register within 15000 ms; .*registrationDeadline/,
  },
  nodeSilent: {
    title: 'a node whose heartbeats stop',
    code: 'NODE_LOST',
    message: /cluster fragile: no heartbeat of worker 1 for 8000 ms; .*heartbeatTimeout/,
  },
  psThread: { title: 'a parameter server whose thread ends', code: 'THREAD_LOST', message: /fragile ps/ },
  psServer: { title: 'a parameter server that closes its streams', code: 'UNAVAILABLE', message: /worker [01]: .*ps 0 at 127\.0\.0\.1:\d+/ },
  amThread: { title: 'an application manager whose thread ends', code: 'THREAD_LOST', message: /fragile am/ },
  amServer: { title: 'an application manager that closes its streams', code: 'UNAVAILABLE', message: /application manager at 127\.0\.0\.1:\d+/ },
};

describe('a cluster in which one thing fails', () => {
  for (const [failure, { title, code, message }] of Object.entries(cases)) {
    it(`ends with ${code} for ${title}, and leaves nothing behind`, { timeout: 90_000 }, async () => {
      const { error } = await run('failing-job.js', { failure });
      assert.equal(error?.code, code, JSON.stringify(error));
      assert.match(error.message, message);
    });
  }

  it('keeps the cause of a node entry that throws', { timeout: 90_000 }, async () => {
    const { error } = await run('failing-job.js', { failure: 'entryThrows' });
    assert.match(error?.cause?.message ?? '', /the third batch is too much/);
    assert.match(error?.cause?.stack ?? '', /RangeError[^]*failing-job/);
  });

  it('ends with LOSS_NOT_FINITE for a loss that explodes, and leaves nothing behind', { timeout: 90_000 }, async () => {
    const { error } = await run('train-job.js', { records: 4_000, workers: 2, servers: 1, mode: 'bsp', learningRate: 1e38 });
    assert.equal(error?.code, 'LOSS_NOT_FINITE', JSON.stringify(error));
    assert.match(error.message, /worker [01] of cluster .*loss.* is (NaN|Infinity) at step \d+; .*learning rate/);
  });
});

const point = { x: t.float32(), y: t.float32(), label: t.bool() };
const points = () => generator({ schema: point, count: 10, make: (n: number) => ({ x: n, y: n, label: true }) });

function problemsOf(build: JobOptions<Readonly<Record<string, never>>>['build']): string {
  try {
    planJob(buildGraph(defineJob({ name: 'misfit', build }), {}), { parallelism: 1, keyGroups: 128, overrides: {} });
  } catch (thrown) {
    assert.equal((thrown as MillraceError).code, 'GRAPH_INVALID');
    return (thrown as MillraceError).message;
  }
  return 'no problem';
}

describe('the graph of a cluster', () => {
  it('names each column in which model and stream differ, before anything starts', () => {
    const model = defineModel({
      inputs: { x: numeric(), z: numeric(), label: category(4) },
      label: { y: t.bool() },
      build: ({ x, z, label }) => ({ p: dense(1, 'sigmoid', concat([x, z, label])) }),
      loss: 'binaryCrossentropy',
      optimizer: sgd(0.1),
    });
    // The compiler says so as well; a job may be JavaScript.
    const message = problemsOf(({ source }) => void source(points()).train(model as never, { workers: 1, batchSize: 2 }));
    for (const column of ['z', 'label', 'y']) assert.match(message, new RegExp(`worker: .*\\b${column}\\b`));
  });

  it('misses a role that nobody adds, and an application manager', () => {
    const cluster = defineCluster({ name: 'c', roles: { worker: 1, chief: 2 } });
    const message = problemsOf(({ env, source }) => void addRole(env, cluster, 'worker', { input: source(points()), entry: () => Promise.resolve() }));
    assert.match(message, /cluster c has 2 chief, but nobody adds that role; call addRole/);
    assert.match(message, /cluster c has no application manager; call addAMRole/);
  });

  it('refuses a role twice, one that the cluster lacks, and a second application manager', () => {
    const cluster = defineCluster({ name: 'c', roles: { worker: 1 } });
    const message = problemsOf(({ env, source }) => {
      const input = source(points());
      const entry = () => Promise.resolve();
      addAMRole(env, cluster);
      addAMRole(env, cluster);
      addRole(env, cluster, 'worker', { input, entry });
      addRole(env, cluster, 'worker', { input, entry });
      addRole(env, cluster, 'judge', { entry });
    });
    assert.match(message, /two application managers/);
    assert.match(message, /role worker is added twice/);
    assert.match(message, /has no role judge; it has: worker/);
  });
});
