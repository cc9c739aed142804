import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isAlive } from '../../src/core/is-alive.js';
import { checkCounting } from '../chaos/check-counting.js';
import { startCountingOnFlink } from '../chaos/counting-command.js';
import { fileGround } from '../chaos/ground.js';
import { flinkTest, hasFlink } from '../flink/flink-test.js';
import { LocalFlink } from '../flink/local-flink.js';
import { nodeHosts } from '../flink/node-hosts.js';
import { KafkaBroker } from '../kafka/kafka-broker.js';
import { missingForKafka } from '../kafka/kafka-jars.js';
import { withProducer } from '../kafka/produce.js';
import { missingKcat, readTopic } from '../kafka/read-topic.js';
import { root, Sandbox, type Command } from './millrace.js';

const noKafka = (await missingForKafka()) ?? (await missingKcat());

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
async function startCounting(records: number, isolation: 'thread' | 'process', on: LocalFlink = cluster): Promise<Command> {
  const command = startCountingOnFlink(sandbox, on.address, { records, isolation });
  await command.until(() => newest(command).completed > 0, 'a checkpoint');
  return command;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !holds(); await setTimeout(50)) if (Date.now() > deadline) throw new Error(`not within 60 s: ${what}`);
}

/** As the command has said it last. */
function newest(command: Command): { readonly restarts: number; readonly state: string; readonly completed: number; readonly nodeRestarts: number } {
  const { restarts = 0, nodeRestarts = 0, state = '', checkpoints } = command.events.findLast(({ event }) => event === 'progress' || event === 'summary') ?? {};
  const { completed = 0 } = (checkpoints ?? {}) as { readonly completed?: number };
  return { restarts: restarts as number, nodeRestarts: nodeRestarts as number, state: state as string, completed };
}

flinkTest('a worker that throws, and one whose thread dies, is replaced inside its living subtask: no restart of Flink, each record once', async () => {
  const records = 30_000;
  // A thread that ends while gRPC data arrives for it may abort its whole process in Node.js 20: here that is the worker's alone.
  const command = await startCounting(records, 'process');
  for (const [before, fault] of ['throw', 'exit'].entries()) {
    const file = sandbox.path('faults/worker');
    writeFileSync(file, fault);
    // Who is about to close, or to open, must not take the second one.
    await command.until(() => !existsSync(file) && newest(command).nodeRestarts > before, `successor after '${fault}'`);
  }
  const { code, stdout, stderr } = await command.ended;
  assert.equal(code, 0, stderr + stdout);
  const { restarts, nodeRestarts } = command.events.at(-1) as { readonly restarts: number; readonly nodeRestarts: number };
  assert.deepEqual(
    { restarts, nodeRestarts },
    { restarts: 0, nodeRestarts: 2 },
    JSON.stringify(
      command.events.filter(({ event, error }) => event === 'log' || error !== undefined).map(({ event, error, message }) => ({ event, error, message })),
    ),
  );
  const { operators } = command.events.at(-1) as {
    readonly operators: readonly { readonly role?: string; readonly metrics: Readonly<Record<string, number>> }[];
  };
  const worker = operators.find(({ role }) => role === 'worker')?.metrics ?? {};
  for (const name of ['training_loss', 'training_examples_total', 'batch_wait_seconds_total', 'parameter_wait_seconds_total'])
    assert.equal(typeof worker[name], 'number', `${name} is a metric of Flink: ${JSON.stringify(worker)}`);
  assert.equal(worker['gradient_staleness'], 0, 'rounds have none');
  await checkCounting({ records, model: 'counter' }, sandbox.path('out'), fileGround(sandbox.path('out')));
});

flinkTest('a TaskManager that was frozen until its job ran elsewhere, and its nodes with it, comes back and counts nothing', async () => {
  const configuration = { 'heartbeat.interval': '500', 'heartbeat.timeout': '6000' };
  const victims = await LocalFlink.start({ version: '1.20.3', taskManagers: 2, slots: 4, configuration });
  try {
    const records = 40_000;
    const command = await startCounting(records, 'thread', victims);
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

/** Arguments that run a job which reads numbers and does something to each. */
function mapping(name: string, body: string): string[] {
  const file = sandbox.write(
    `${name}.ts`,
    `import { writeFileSync } from 'node:fs';
     import { defineJob, generator, jsonl, t } from 'millrace';
     export default defineJob({ name: '${name}', build: ({ source }) => {
       source(generator({ schema: { n: t.int32() }, count: 1_000, rowsPerSecond: 1_000, make: (n) => ({ n }) }))
         .map(({ n }) => { ${body} })
         .to(jsonl('${sandbox.path('out.jsonl')}'));
     } });`,
  );
  return ['run', file, '--engine', 'flink', '--address', cluster.address];
}

async function assertNoHosts(): Promise<void> {
  await until('no Node host is left', () => nodeHosts(cluster).length === 0);
}

flinkTest('a record that fits no frame ends the job with its size and the limit, in the command and in Flink', async () => {
  const { code, stderr } = await sandbox.run(...mapping('large', `return { text: n === 500 ? 'x'.repeat(5 << 20) : '' };`));
  assert.notEqual(code, 0);
  assert.match(stderr, /RECORD_TOO_LARGE .*map.*a record takes 5242\d{3} bytes on a channel that carries at most 4194280/);
  const { jobs } = (await (await fetch(`${cluster.address}/jobs/overview`)).json()) as {
    readonly jobs: readonly { readonly jid: string; readonly name: string }[];
  };
  const job = jobs.find(({ name }) => name === 'large');
  const exceptions = await (await fetch(`${cluster.address}/jobs/${job?.jid}/exceptions`)).text();
  assert.match(exceptions, /RECORD_TOO_LARGE.*a record takes 5242/);
  await assertNoHosts();
});

flinkTest('a subtask that hangs is cancelled, and its host with it', async () => {
  const gate = sandbox.path('hangs');
  const command = sandbox.start(...mapping('hanging', `if (n === 100) { writeFileSync('${gate}', ''); for (;;); } return { n };`));
  await command.until(() => existsSync(gate), 'the endless loop');
  assert.ok(nodeHosts(cluster).length > 0);
  const cancelled = await sandbox.run('cancel', 'hanging');
  assert.equal(cancelled.code, 0, cancelled.stderr);
  await command.ended;
  await assertNoHosts();
});

flinkTest('a TaskManager with another version of the package ends the job with both versions', async () => {
  const other = sandbox.path('other');
  cpSync(`${root}/dist/src`, `${other}/dist/src`, { recursive: true });
  symlinkSync(`${root}/node_modules`, `${other}/node_modules`);
  const own = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { readonly version: string };
  writeFileSync(`${other}/package.json`, JSON.stringify({ ...own, version: '99.0.0' }));
  const { code, stderr } = await sandbox.run(...mapping('versions', 'return { n };'), '--host-entry', `${other}/dist/src/engines/flink/host/main.js`);
  assert.notEqual(code, 0);
  assert.match(stderr, new RegExp(`VERSION_MISMATCH .*millrace ${own.version.replaceAll('.', '\\.')}.*99\\.0\\.0.*install the same version`));
  await assertNoHosts();
});

flinkTest(
  'from Kafka to Kafka on Flink, each record is there once, though a Node host is killed',
  async () => {
    const broker = await KafkaBroker.start();
    try {
      await broker.createTopic('from', 3);
      await broker.createTopic('to', 2);
      const ids = Array.from({ length: 4_000 }, (_, id) => id);
      const send = (part: readonly number[]) =>
        withProducer(broker, undefined, (producer) => producer.send({ topic: 'from', messages: part.map((id) => ({ value: JSON.stringify({ id }) })) }));
      const committed = async (): Promise<number[]> => (await readTopic(broker, 'to')).map(({ payload }) => (JSON.parse(payload ?? '') as { id: number }).id);
      await send(ids.slice(0, 2_000));
      const set = { broker: broker.address, from: 'from', to: 'to' };
      const command = sandbox.start(
        ...['run', sandbox.job('kafka-copy.ts'), ...Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`])],
        ...['--engine', 'flink', '--address', cluster.address, '--json'],
      );
      await command.until(() => newest(command).completed > 0, 'a checkpoint');
      process.kill(nodeHosts(cluster)[0] as number, 'SIGKILL');
      await send(ids.slice(2_000));
      for (const deadline = Date.now() + 90_000; (await committed()).length < ids.length; await setTimeout(500))
        if (Date.now() > deadline) throw new Error(`${(await committed()).length} of ${ids.length} records are committed\n${command.stdout.slice(-3_000)}`);
      command.kill('SIGINT');
      const { code, stdout, stderr } = await command.ended;
      assert.equal(code, 0, stderr + stdout);
      assert.ok(newest(command).restarts > 0, 'it was restarted');
      assert.deepEqual(
        (await committed()).sort((a, b) => a - b),
        ids,
      );
    } finally {
      await broker.close();
    }
  },
  noKafka,
);
