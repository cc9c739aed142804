import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobStatus } from '../../src/stream/engine.js';
import { drawCase } from '../chaos/cases.js';
import { runCase } from '../chaos/run-case.js';
import { Sandbox, type Command } from './millrace.js';

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox.close());

/** Trains in processes until it is stopped; no restart strategy. */
async function startTraining(isolation: string, ...flags: readonly string[]): Promise<{ job: Command; status: () => Promise<JobStatus> }> {
  const output = sandbox.path('out');
  const job = sandbox.start(...['run', sandbox.job('train-processes.ts'), '--set', `output=${output}`, '--set', `isolation=${isolation}`, ...flags]);
  await job.until(() => existsSync(`${output}/model.json`), 'a model');
  const status = async (): Promise<JobStatus> => JSON.parse((await sandbox.run('status', 'train-processes', '--json')).stdout) as JobStatus;
  return { job, status };
}

function pidsOf({ operators }: JobStatus, role: string): readonly number[] {
  return operators.find((operator) => operator.role === role)?.pids ?? [];
}

test('roles run in the processes that status shows, and Ctrl-C to all of them drains the job', async () => {
  const { job, status } = await startTraining('{"worker":"process","am":"thread","ps":"process"}', '--json');
  const shown = await status();
  assert.deepEqual(
    ['am', 'worker', 'ps'].map((role) => pidsOf(shown, role).length),
    [0, 2, 1],
  );
  for (const pid of [...pidsOf(shown, 'worker'), ...pidsOf(shown, 'ps')])
    assert.match(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, ''), new RegExp(`^[A-Z] ${job.pid} `), 'a child of the job');
  process.kill(-job.pid, 'SIGINT');
  const { code, orphans, stderr } = await job.ended;
  assert.equal(code, 0, stderr);
  assert.equal(job.events.at(-1)?.['state'], 'finished');
  assert.deepEqual(orphans, []);
});

for (const role of ['worker', 'ps', 'am']) {
  test(`without a restart strategy kill -9 of the ${role} process ends the job with one clear error and leaves nothing`, async () => {
    const { job, status } = await startTraining('"process"');
    const [pid] = pidsOf(await status(), role) as [number];
    process.kill(pid, 'SIGKILL');
    const { code, stderr, orphans } = await job.ended;
    assert.equal(code, 7, stderr);
    assert.deepEqual(stderr.match(/^[A-Z]+(_[A-Z]+)* /gm), ['THREAD_LOST '], stderr);
    assert.match(stderr, new RegExp(`its process ${pid} \\(role ${role}\\) was ended by SIGKILL`));
    assert.deepEqual(orphans, []);
    assert.deepEqual(sandbox.registered, []);
  });
}

test('after kill -9 of the job its processes end by themselves, and so does the folder of their sockets', async () => {
  const { job, status } = await startTraining('"process"');
  const shown = await status();
  const pids = ['am', 'worker', 'ps'].flatMap((role) => pidsOf(shown, role));
  assert.equal(pids.length, 4);
  const folders = pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[2]!);
  assert.ok(
    folders.every((folder) => folder === folders[0] && existsSync(folder)),
    folders.join(),
  );
  // One that cannot look at its channel: it ends when it goes on.
  process.kill(pids[1]!, 'SIGSTOP');
  job.kill('SIGKILL');
  await delay(1_500);
  assert.deepEqual(pids.filter(isRunning), [pids[1]]);
  process.kill(pids[1]!, 'SIGCONT');
  assert.deepEqual((await job.ended).orphans, []);
  assert.equal(existsSync(folders[0]!), false, readdirSync(tmpdir()).join());
});

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
}

test('a job in processes that is killed at once and restored counts each record once', async () => {
  const result = await runCase({
    ...drawCase(1_005, { fault: 'job killed', through: 'files' }),
    model: 'counter',
    isolation: 'process',
    workers: 2,
    records: 3_000,
    hitsAt: [0.6],
  });
  assert.ok(result.restarts > 0);
});

test('in bsp, weights are the same bit by bit in threads without a kill and in processes with kills', async () => {
  const shape = { mode: 'bsp', workers: 2, servers: 2, model: 'network', records: 5_000, from: 'start' } as const;
  const calm = { ...drawCase(1_006, { fault: 'worker throws', through: 'files' }), ...shape, hitsAt: [] };
  const expected = await runCase(calm);
  const struck = await runCase({ ...calm, isolation: 'process', fault: 'worker process killed', hitsAt: [0.3, 0.4], checkpointEveryMs: 90 });
  // A worker whose last push reached one server only takes the job back, any other is replaced alone.
  assert.ok(struck.restarts + struck.nodeRestarts > 0, JSON.stringify(struck));
  assert.equal(struck.weights, expected.weights);
});
