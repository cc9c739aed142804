import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach } from 'node:test';
import { checkCounting } from '../chaos/check-counting.js';
import { fileGround } from '../chaos/ground.js';
import { flinkTest, hasFlink } from '../flink/flink-test.js';
import { LocalFlink } from '../flink/local-flink.js';
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
async function startCounting(records: number): Promise<Command> {
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
    ...['--checkpoint-every', '300 ms', '--engine', 'flink', '--address', cluster.address, '--json'],
  );
  await command.until(() => command.events.some(({ checkpoints }) => ((checkpoints as { readonly completed?: number })?.completed ?? 0) > 0), 'a checkpoint');
  return command;
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
