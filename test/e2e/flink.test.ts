import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import { isAlive } from '../../src/core/is-alive.js';
import { flinkTest, hasFlink } from '../flink/flink-test.js';
import { ask, until } from '../flink/left-behind.js';
import { LocalFlink } from '../flink/local-flink.js';
import { nodeHosts } from '../flink/node-hosts.js';
import { parseLines, Sandbox, type Command, type Ended } from './millrace.js';

let cluster: LocalFlink;
before(async () => {
  if (hasFlink) cluster = await LocalFlink.start({ taskManagers: 2, slots: 4 });
});
after(() => cluster?.close());

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox.close());

interface Run {
  readonly count: number;
  readonly rate?: number;
}

/** `millrace run count.ts` on the cluster. */
function countArguments({ count, rate }: Run, ...more: readonly string[]): string[] {
  const set = { output: sandbox.path('out.jsonl'), count, ...(rate === undefined ? {} : { rate }) };
  const flags = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  return ['run', sandbox.job('count.ts'), ...flags, '-p', '2', '--engine', 'flink', '--address', cluster.address, ...more];
}

/** Rows that the job wrote: one for each number, as each is the largest of its key so far or follows one that is. */
function rows(): readonly Record<string, unknown>[] {
  return parseLines(readFileSync(sandbox.path('out.jsonl'), 'utf8'));
}

function assertWhole(count: number): void {
  const written = rows();
  assert.equal(written.length, count);
  const largest = Array.from({ length: 10 }, (_, key) => Math.max(...written.filter((row) => row['key'] === key).map((row) => row['n'] as number)));
  assert.deepEqual(
    largest,
    Array.from({ length: 10 }, (_, key) => count - 10 + key),
  );
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await sandbox.run(...args, '--json');
  assert.equal(code, 0, stderr + stdout);
  return JSON.parse(stdout) as T;
}

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const answer = await fetch(`${cluster.address}${path}`, { ...init, signal: AbortSignal.timeout(60_000) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text) as T;
}

interface Status {
  readonly state: string;
  readonly attempt: number;
  readonly operators: readonly { readonly name: string; readonly parallelism: number; readonly recordsIn: number }[];
}

/** The state of the only job, as soon as it is the wanted one. */
async function untilStatus(wanted: (status: Status) => boolean): Promise<Status> {
  for (let tries = 0; ; tries++) {
    const status = await json<readonly Status[]>('status');
    if (status[0] !== undefined && wanted(status[0])) return status[0];
    if (tries > 40) throw new Error(`the job never came to it: ${JSON.stringify(status)}`);
  }
}

function assertSuccess({ code, stderr }: Ended): void {
  assert.equal(code, 0, stderr);
}

function started(command: Command): Promise<void> {
  return command.until(() => command.stderr.includes('running:'), 'progress of the running job');
}

flinkTest('a job runs on Flink to its end, its output is whole, and its entry is gone', async () => {
  const ended = await sandbox.run(...countArguments({ count: 1_000 }));
  assertSuccess(ended);
  assert.match(ended.stderr, new RegExp(`job count \\(\\w+\\) started on Flink at ${cluster.address} as [0-9a-f]{32}`));
  assert.match(ended.stderr, /job count finished after/);
  assertWhole(1_000);
  assert.deepEqual(sandbox.registered, []);
});

flinkTest('the same on Flink 1.20', async () => {
  const old = await LocalFlink.start({ version: '1.20.3' });
  try {
    assertSuccess(await sandbox.run(...countArguments({ count: 1_000 }, '--address', old.address)));
    assertWhole(1_000);
  } finally {
    await old.close();
  }
});

flinkTest('a packed job runs where somebody else submits its jar', async () => {
  const jar = sandbox.path('job.jar');
  const [, job = '', ...flags] = countArguments({ count: 1_000 });
  const packed = await json<{ readonly slots: number }>('flink-jar', job, '-o', jar, ...flags.slice(0, flags.indexOf('--engine')));
  assert.equal(packed.slots, 2);
  const form = new FormData();
  form.append('jarfile', new Blob([readFileSync(jar)]), 'job.jar');
  const uploaded = await request<{ readonly filename: string }>('/jars/upload', { method: 'POST', body: form });
  const { jobid } = await request<{ readonly jobid: string }>(`/jars/${basename(uploaded.filename)}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ entryClass: 'millrace.flink.MillraceJob' }),
  });
  let state: string;
  do ({ state } = await request<{ readonly state: string }>(`/jobs/${jobid}`));
  while (!['FINISHED', 'FAILED', 'CANCELED'].includes(state));
  assert.equal(state, 'FINISHED');
  assertWhole(1_000);
});

flinkTest('what a job prints on TaskManagers is printed by the command, in the order of each subtask', async () => {
  const file = sandbox.write(
    'print.ts',
    `import { console, defineJob, generator, t } from 'millrace';
     export default defineJob({ name: 'print', build: ({ source }) => {
       source(generator({ schema: { n: t.int32() }, count: 200, make: (n) => ({ n }) })).to(console());
     } });`,
  );
  const { code, stdout, stderr } = await sandbox.run('run', file, '--engine', 'flink', '--address', cluster.address);
  assert.equal(code, 0, stderr);
  const numbers = stdout.split('\n').flatMap((line) => /\bn\b\D*(\d+)/.exec(line)?.[1] ?? []);
  assert.deepEqual(
    numbers.map(Number),
    Array.from({ length: 200 }, (_, n) => n),
  );
});

flinkTest('Flink sees who is busy and who waits for it, though batches stay in their host', async () => {
  const file = sandbox.write(
    'slow.ts',
    `import { defineJob, discard, generator, t } from 'millrace';
     export default defineJob({ name: 'slow', build: ({ source }) => {
       source(generator({ schema: { n: t.int32() }, make: (n) => ({ n }) }))
         .map(({ n }) => { for (const end = performance.now() + 1; performance.now() < end;); return { n }; }, { parallelism: 1 })
         .to(discard());
     } });`,
  );
  assertSuccess(await sandbox.run('run', file, '--engine', 'flink', '--address', cluster.address, '--detached'));
  const { jobs } = await ask<{ readonly jobs: readonly { readonly jid: string; readonly name: string }[] }>(cluster, '/jobs/overview');
  const jid = jobs.find(({ name }) => name === 'slow')?.jid;
  assert.ok(jid !== undefined);
  const { vertices } = await ask<{ readonly vertices: readonly { readonly id: string; readonly name: string }[] }>(cluster, `/jobs/${jid}`);
  const shares = async (name: string): Promise<{ readonly ratio: number; readonly busyRatio: number }> => {
    const id = vertices.find((vertex) => vertex.name.includes(name))?.id;
    const { subtasks } = await ask<{ readonly subtasks?: readonly { readonly ratio: number; readonly busyRatio: number }[] }>(
      cluster,
      `/jobs/${jid}/vertices/${id}/backpressure`,
    );
    return subtasks?.[0] ?? { ratio: 0, busyRatio: 0 };
  };
  await until('a source that waits', async () => (await shares('generator')).ratio > 0.5);
  await until('a map that is busy', async () => (await shares('map')).busyRatio > 0.5);
  await json('cancel');
});

flinkTest('nobody at the address', async () => {
  const { code, stderr } = await sandbox.run(...countArguments({ count: 10 }, '--address', 'http://127.0.0.1:1'));
  assert.equal(code, 7);
  assert.match(stderr, /UNAVAILABLE no Flink cluster answers at http:\/\/127\.0\.0\.1:1/);
});

flinkTest('a job that was left to Flink is found by every command, and goes on from a savepoint with nothing lost', async () => {
  assertSuccess(await sandbox.run(...countArguments({ count: 200_000, rate: 2_000 }, '--detached', '--checkpoint-every', '1 s')));
  const running = await untilStatus(
    ({ state, operators }) => state === 'running' && operators.every(({ name, recordsIn }) => name === 'numbers' || recordsIn > 0),
  );
  assert.deepEqual(
    running.operators.map(({ name, parallelism }) => [name, parallelism]),
    [
      ['numbers', 2],
      ['with', 2],
      ['reduce', 2],
      ['jsonl', 1],
    ],
  );
  const again = await sandbox.run(...countArguments({ count: 10 }));
  assert.match(again.stderr, /JOB_EXISTS/);
  const savepoint = await json<{ readonly location: string; readonly kind: string; readonly bytes: number }>('savepoint');
  assert.match(savepoint.location, /^file:\/\/.*savepoint-/);
  assert.ok(savepoint.bytes > 0);
  await json('scale', 'reduce=3');
  assert.equal((await untilStatus(({ state }) => state === 'running')).operators.find(({ name }) => name === 'reduce')?.parallelism, 3);
  assert.match((await sandbox.run('logs')).stdout, /tm\d .*millrace\.node.*reduce \(subtask 3 of 3\)/);
  // As wide as the sink, which was not fused with it before and is not now.
  await json('scale', 'reduce=1');
  assert.equal((await untilStatus(({ state }) => state === 'running')).operators.find(({ name }) => name === 'reduce')?.parallelism, 1);
  const stopped = await json<{ readonly state: string; readonly checkpoints: { readonly last: { readonly location: string } } }>('stop', '--savepoint');
  assert.equal(stopped.state, 'suspended');
  assert.deepEqual(sandbox.registered, []);
  assertSuccess(await sandbox.run(...countArguments({ count: 200_000, rate: 100_000 }, '--restore', stopped.checkpoints.last.location, '--scale', 'reduce=4')));
  assertWhole(200_000);
});

flinkTest('Ctrl-C drains: what was read is written', async () => {
  // Of one subtask, each number is larger than all before.
  const command = sandbox.start(...countArguments({ count: 10_000_000, rate: 2_000 }, '-p', '1'));
  await started(command);
  command.kill('SIGINT');
  const ended = await command.ended;
  assertSuccess(ended);
  assert.match(ended.stderr, /job count finished/);
  const written = rows();
  assert.ok(written.length > 0);
  assert.deepEqual(
    written.map((row) => row['n']),
    written.map((_, n) => n),
  );
});

flinkTest('a job outlives the command that is killed; another one finds it and ends it', async () => {
  const command = sandbox.start(...countArguments({ count: 10_000_000, rate: 2_000 }));
  await started(command);
  command.kill('SIGKILL');
  await command.ended;
  assert.equal((await untilStatus(({ state }) => state === 'running')).state, 'running');
  await json('cancel');
  assert.deepEqual(await json<readonly unknown[]>('status'), []);
  assert.deepEqual(sandbox.registered, []);
});

flinkTest('a killed TaskManager costs a restart and no row', async () => {
  // With one slot each, the job needs both.
  const victim = await LocalFlink.start({ taskManagers: 2, slots: 1, configuration: { 'heartbeat.timeout': '4000' } });
  try {
    const command = sandbox.start(...countArguments({ count: 60_000, rate: 2_000 }, '--address', victim.address, '--checkpoint-every', '500 ms', '--json'));
    const last = (event: string): Record<string, unknown> | undefined => command.events.filter((it) => it['event'] === event).at(-1);
    const completed = (): number => (last('progress')?.['checkpoints'] as { readonly completed: number } | undefined)?.completed ?? 0;
    await command.until(() => completed() > 2, 'checkpoints');
    const hosts = nodeHosts(victim, 0);
    assert.ok(hosts.length > 0);
    await victim.killTaskManager(0);
    await until('its Node hosts are gone', () => hosts.every((pid) => !isAlive(pid)));
    await victim.startTaskManager(0);
    const { code, stderr, stdout } = await command.ended;
    assert.equal(code, 0, stderr + stdout);
    assert.ok((last('summary')?.['restarts'] as number) >= 1);
    assertWhole(60_000);
    const { pids } = victim;
    await victim.stop();
    assert.deepEqual(
      pids.filter((pid) => isAlive(pid)),
      [],
    );
  } finally {
    await victim.close();
  }
});

flinkTest('with high availability a killed JobManager costs no row either', async () => {
  const victim = await LocalFlink.start({ highAvailability: true });
  try {
    const command = sandbox.start(...countArguments({ count: 60_000, rate: 2_000 }, '--address', victim.address, '--checkpoint-every', '500 ms', '--json'));
    const progress = (): Record<string, unknown> | undefined => command.events.filter((it) => it['event'] === 'progress').at(-1);
    await command.until(() => ((progress()?.['checkpoints'] as { readonly completed: number } | undefined)?.completed ?? 0) > 2, 'checkpoints');
    await victim.killJobManager();
    await victim.startJobManager();
    const { code, stderr, stdout } = await command.ended;
    assert.equal(code, 0, stderr + stdout);
    assertWhole(60_000);
  } finally {
    await victim.close();
  }
});
