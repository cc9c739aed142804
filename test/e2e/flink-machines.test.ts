import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach } from 'node:test';
import { checkCounting } from '../chaos/check-counting.js';
import { startCountingOnFlink } from '../chaos/counting-command.js';
import { fileGround } from '../chaos/ground.js';
import { overFile } from '../chaos/marks.js';
import { flinkTest, hasFlink } from '../flink/flink-test.js';
import { ask, until, untilNoHosts } from '../flink/left-behind.js';
import { LocalFlink } from '../flink/local-flink.js';
import { listeningOn, nodeHosts } from '../flink/node-hosts.js';
import { Sandbox } from './millrace.js';

/** Of the TaskManagers; the JobManager has 127.0.0.1. A worker fits into each. */
const addresses = ['127.0.0.2', '127.0.0.3'];
/** Of the machine that runs the commands. */
const here = '127.0.0.4';

let cluster: LocalFlink;
before(async () => {
  if (hasFlink) cluster = await LocalFlink.start({ version: '1.20.3', addresses, slots: 1 });
});
after(() => cluster?.close());

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
  mkdirSync(sandbox.path('faults'));
});
afterEach(() => sandbox.close());

interface Checkpoints {
  readonly completed: number;
  readonly restored: number;
}

/** Of the counting job, as Flink counts them; it may not have any yet. */
async function checkpoints(): Promise<Checkpoints> {
  const { jobs } = await ask<{ readonly jobs: readonly { readonly jid: string; readonly name: string }[] }>(cluster, '/jobs/overview');
  const { jid } = jobs.find(({ name }) => name === 'counting') ?? {};
  const { counts } = await ask<{ readonly counts?: Checkpoints }>(cluster, `/jobs/${jid}/checkpoints`);
  return counts ?? { completed: 0, restored: 0 };
}

flinkTest(
  'a model trains over TaskManagers at different addresses: nodes listen where they are, and each record counts once though both hosts are killed',
  async () => {
    const records = 8_000;
    const command = startCountingOnFlink(sandbox, cluster.address, { records, isolation: 'thread', marks: `${0.9 * records}` }, ['--reports-host', here]);
    await until('a checkpoint', async () => (await checkpoints()).completed > 0);
    const heard = addresses.map((_, i) => nodeHosts(cluster, i).flatMap(listeningOn));
    assert.ok(heard.flat().length > 0, 'manager and parameter server listen');
    heard.forEach((found, i) =>
      assert.ok(
        found.every((address) => address === addresses[i]),
        `TaskManager ${i}: ${found.join(', ')}`,
      ),
    );
    for (const i of addresses.keys()) {
      const { restored } = await checkpoints();
      const [host] = nodeHosts(cluster, i);
      assert.ok(host !== undefined, `TaskManager ${i} has a worker`);
      process.kill(host, 'SIGKILL');
      await until('the restart', async () => (await checkpoints()).restored > restored);
      const { completed } = await checkpoints();
      await until('a checkpoint after the restart', async () => (await checkpoints()).completed > completed);
    }
    writeFileSync(sandbox.path(`faults/${overFile}`), '');
    const { code, stdout, stderr } = await command.ended;
    assert.equal(code, 0, stderr + stdout);
    await checkCounting({ records, model: 'counter' }, sandbox.path('out'), fileGround(sandbox.path('out')));
    await untilNoHosts(cluster);
  },
);

/** A job that prints, for each number, in which process it was printed. */
function printing(name: string): string[] {
  const file = sandbox.write(
    `${name}.ts`,
    `import { console, defineJob, generator, t } from 'millrace';
     export default defineJob({ name: '${name}', build: ({ source }) => {
       source(generator({ schema: { n: t.int32() }, rowsPerSecond: 100, make: (n) => ({ n }) }))
         .to(console({ format: () => 'printed by ' + process.pid }), { parallelism: 2, uid: 'printer' });
     } });`,
  );
  return ['run', file, '--engine', 'flink', '--address', cluster.address, '--checkpoint-every', '1 s'];
}

const hasPrinted = (text: string, pid: number | undefined): boolean => text.includes(`printed by ${pid}\n`);

flinkTest('what subtasks print on any machine comes back to the command, from a job that was scaled too', async () => {
  const command = sandbox.start(...printing('printing'), '--reports-host', here);
  const fromAll = () => addresses.every((_, i) => hasPrinted(command.stdout, nodeHosts(cluster, i)[0]));
  await command.until(fromAll, 'lines from both TaskManagers');
  assert.deepEqual(listeningOn(command.pid).toSorted(), ['127.0.0.1', here], 'metrics, and reports');
  const scaled = await sandbox.run('scale', 'printer=1');
  assert.equal(scaled.code, 0, scaled.stderr);
  await command.until(() => nodeHosts(cluster).some((pid) => hasPrinted(command.stdout, pid)), 'lines of the scaled job');
  command.kill('SIGINT');
  const { code, stderr } = await command.ended;
  assert.equal(code, 0, stderr);
  await untilNoHosts(cluster);
});

flinkTest('what a detached job prints on any machine is in its logs', async () => {
  const { code, stderr } = await sandbox.run(...printing('detached'), '--detached');
  assert.equal(code, 0, stderr);
  await until('logs of both TaskManagers', async () => {
    const { stdout } = await sandbox.run('logs', 'detached');
    return addresses.every((_, i) => new RegExp(`^tm${i} .*printed by ${nodeHosts(cluster, i)[0]}$`, 'm').test(stdout));
  });
  const cancelled = await sandbox.run('cancel', 'detached');
  assert.equal(cancelled.code, 0, cancelled.stderr);
  await untilNoHosts(cluster);
});
