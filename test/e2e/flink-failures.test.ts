import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isAlive } from '../../src/core/is-alive.js';
import { checkCounting } from '../chaos/check-counting.js';
import { fileGround } from '../chaos/ground.js';
import { flinkTest, hasFlink } from '../flink/flink-test.js';
import { LocalFlink } from '../flink/local-flink.js';
import { nodeHosts } from '../flink/node-hosts.js';
import { root, Sandbox, type Command } from './millrace.js';

let cluster: LocalFlink;
before(async () => {
  if (hasFlink) cluster = await LocalFlink.start({ version: '1.20.3', taskManagers: 2, slots: 3 });
});
after(() => cluster?.close());

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
  mkdirSync(sandbox.path('faults'));
});
afterEach(() => sandbox.close());

/** The counting job of the chaos runs, once it has a checkpoint. */
async function startCounting(records: number, on: LocalFlink = cluster): Promise<Command> {
  const set = {
    output: sandbox.path('out'),
    faults: sandbox.path('faults'),
    records,
    rate: 1_000,
    workers: 2,
    servers: 1,
    mode: 'bsp',
    isolation: 'thread',
    model: 'counter',
  };
  const command = sandbox.start(
    ...['run', `${root}/test/chaos/jobs/counting.ts`, ...Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`])],
    ...['--checkpoint-every', '300 ms', '--engine', 'flink', '--address', on.address, '--json'],
  );
  await command.until(() => newest(command).completed > 0, 'a checkpoint');
  return command;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !holds(); await setTimeout(50)) if (Date.now() > deadline) throw new Error(`not within 60 s: ${what}`);
}

/** As the command has said it last. */
function newest(command: Command): { readonly restarts: number; readonly state: string; readonly completed: number } {
  const { restarts = 0, state = '', checkpoints } = command.events.findLast(({ event }) => event === 'progress' || event === 'summary') ?? {};
  const { completed = 0 } = (checkpoints ?? {}) as { readonly completed?: number };
  return { restarts: restarts as number, state: state as string, completed };
}

flinkTest('a worker that throws, and one whose thread dies, is replaced inside its living subtask: no restart of Flink, each record once', async () => {
  const records = 20_000;
  const command = await startCounting(records);
  for (const fault of ['throw', 'exit']) {
    const file = sandbox.path('faults/worker');
    writeFileSync(file, fault);
    await command.until(() => !existsSync(file), `worker that takes '${fault}'`);
  }
  const { code, stdout, stderr } = await command.ended;
  assert.equal(code, 0, stderr + stdout);
  const { restarts, nodeRestarts } = command.events.at(-1) as { readonly restarts: number; readonly nodeRestarts: number };
  assert.deepEqual({ restarts, nodeRestarts }, { restarts: 0, nodeRestarts: 2 }, stdout.slice(-4_000));
  await checkCounting({ records, model: 'counter' }, sandbox.path('out'), fileGround(sandbox.path('out')));
});

flinkTest('a TaskManager that was frozen until its job ran elsewhere, and its nodes with it, comes back and counts nothing', async () => {
  const configuration = { 'heartbeat.interval': '500', 'heartbeat.timeout': '6000' };
  const victims = await LocalFlink.start({ version: '1.20.3', taskManagers: 2, slots: 4, configuration });
  try {
    const records = 40_000;
    const command = await startCounting(records, victims);
    const index = nodeHosts(victims, 0).length > 0 ? 0 : 1;
    const frozen = [...nodeHosts(victims, index), victims.taskManagerPid(index) as number];
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    await command.until(() => newest(command).restarts > 0, 'the restart elsewhere');
    const { completed } = newest(command);
    await command.until(() => newest(command).completed > completed, 'a checkpoint of the new attempt', 120_000);
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
    const { code, stdout, stderr } = await command.ended;
    assert.equal(code, 0, stderr + stdout);
    await checkCounting({ records, model: 'counter' }, sandbox.path('out'), fileGround(sandbox.path('out')));
    await until('no host is left of the attempt that was frozen', () => frozen.slice(0, -1).every((pid) => !isAlive(pid)));
  } finally {
    await victims.close();
  }
});
