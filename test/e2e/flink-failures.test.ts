import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isAlive } from '../../src/core/is-alive.js';
import { checkCounting } from '../chaos/check-counting.js';
import { startCountingOnFlink } from '../chaos/counting-command.js';
import { fileGround } from '../chaos/ground.js';
import { holdFile, markFile, overFile } from '../chaos/marks.js';
import { flinkTest, hasFlink } from '../flink/flink-test.js';
import { failureInFlink, until, untilNoHosts } from '../flink/left-behind.js';
import { LocalFlink } from '../flink/local-flink.js';
import { nodeHosts } from '../flink/node-hosts.js';
import { KafkaBroker } from '../kafka/kafka-broker.js';
import { missingForKafka } from '../kafka/kafka-jars.js';
import { withProducer } from '../kafka/produce.js';
import { missingKcat, readTopic } from '../kafka/read-topic.js';
import { mappingJob } from './mapping-job.js';
import { Sandbox, type Command } from './millrace.js';

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
async function startCounting(records: number, isolation: 'thread' | 'process', on: LocalFlink = cluster, marks?: string): Promise<Command> {
  const command = startCountingOnFlink(sandbox, on.address, { records, isolation, ...(marks === undefined ? {} : { marks }) });
  await command.until(() => newest(command).completed > 0, 'a checkpoint');
  return command;
}

interface Shown {
  readonly uid: string;
  readonly recordsOut: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** What Flink knows of an operator, as the command has said it last. */
function operator(command: Command, uid: string): Shown | undefined {
  const newest = command.events.findLast((event) => event['operators'] !== undefined)?.['operators'] as readonly Shown[] | undefined;
  return newest?.find((each) => each.uid === uid);
}

/** As the command has said it last. */
function newest(command: Command): { readonly restarts: number; readonly state: string; readonly completed: number; readonly nodeRestarts: number } {
  const { restarts = 0, nodeRestarts = 0, state = '', checkpoints } = command.events.findLast(({ event }) => event === 'progress' || event === 'summary') ?? {};
  const { completed = 0 } = (checkpoints ?? {}) as { readonly completed?: number };
  return { restarts: restarts as number, nodeRestarts: nodeRestarts as number, state: state as string, completed };
}

flinkTest('a worker that throws, and one whose thread dies, is replaced inside its living subtask: no restart of Flink, each record once', async () => {
  const records = 20_000;
  // The source waits at the last mark for both successors, however long they take.
  const command = await startCounting(records, 'process', cluster, `${0.9 * records}`);
  for (const [before, fault] of ['throw', 'exit'].entries()) {
    const file = sandbox.path('faults/worker');
    writeFileSync(file, fault);
    // Who is about to close, or to open, must not take the second one.
    await command.until(() => !existsSync(file) && newest(command).nodeRestarts > before, `successor after '${fault}'`);
  }
  writeFileSync(sandbox.path(`faults/${overFile}`), '');
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
  const worker = operator(command, 'counter-worker')?.metrics ?? {};
  for (const name of ['training_loss', 'training_examples_total', 'batch_wait_seconds_total', 'parameter_wait_seconds_total'])
    assert.equal(typeof worker[name], 'number', `${name} is a metric of Flink: ${JSON.stringify(worker)}`);
  assert.equal(worker['gradient_staleness'], 0, 'rounds have none');
  await checkCounting({ records, model: 'counter' }, sandbox.path('out'), fileGround(sandbox.path('out')));
});

flinkTest('a worker whose thread dies with a batch in its hands is replaced while its neighbours in the host live on: each record once', async () => {
  const [held, last, records] = [2_000, 4_000, 6_000];
  const hold = sandbox.path(`faults/${holdFile(held)}`);
  writeFileSync(hold, '');
  // Held until it is struck, so that it dies with a batch that is all there is: what has been learned before can be counted.
  const command = startCountingOnFlink(sandbox, cluster.address, { records, isolation: 'thread', marks: `${held},${last}` }, ['--checkpoint-every', '5 s']);
  await command.until(() => {
    const [source, batches, workers] = [operator(command, 'numbers'), operator(command, 'counter-batches'), operator(command, 'counter-worker')];
    return (source?.recordsOut ?? 0) > held && batches?.recordsOut === workers?.metrics['training_examples_total'];
  }, 'workers that have learned all that there is');
  const hosts = nodeHosts(cluster);
  writeFileSync(sandbox.path('faults/worker'), 'exit at batch');
  await command.until(() => !existsSync(sandbox.path('faults/worker')), 'a worker that takes the fault');
  rmSync(hold);
  await command.until(() => existsSync(sandbox.path(`faults/${markFile(last)}`)) && newest(command).nodeRestarts > 0, 'the successor');
  assert.deepEqual(nodeHosts(cluster), hosts, 'the same hosts');
  writeFileSync(sandbox.path(`faults/${overFile}`), '');
  const { code, stdout, stderr } = await command.ended;
  assert.equal(code, 0, stderr + stdout);
  const { restarts, nodeRestarts } = newest(command);
  assert.deepEqual({ restarts, nodeRestarts }, { restarts: 0, nodeRestarts: 1 }, stdout);
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

function mapping(name: string, body: string): string[] {
  return mappingJob(sandbox, cluster.address, { name, body });
}

flinkTest('a record that fits no frame ends the job with its size and the limit, in the command and in Flink', async () => {
  const { code, stderr } = await sandbox.run(...mapping('large', `return { text: n === 500 ? 'x'.repeat(5 << 20) : '' };`));
  assert.notEqual(code, 0);
  assert.match(stderr, /RECORD_TOO_LARGE .*map.*a record takes 5242\d{3} bytes on a channel that carries at most 4194280/);
  assert.match(await failureInFlink(cluster, 'large'), /RECORD_TOO_LARGE.*a record takes 5242/);
  await untilNoHosts(cluster);
});

flinkTest('a function that throws ends the job with its own error and operator, in the command and in Flink', async () => {
  const { code, stderr } = await sandbox.run(...mapping('throwing', `if (n === 500) throw new Error('number 500 is not welcome'); return { n };`));
  assert.equal(code, 5, stderr);
  assert.match(stderr, /^USER_FUNCTION .*map.*number 500 is not welcome/m);
  assert.match(await failureInFlink(cluster, 'throwing'), /USER_FUNCTION.*map.*number 500 is not welcome/);
  await untilNoHosts(cluster);
});

flinkTest('a subtask that hangs is cancelled, and its host with it', async () => {
  const gate = sandbox.path('hangs');
  const command = sandbox.start(...mapping('hanging', `if (n === 100) { writeFileSync('${gate}', ''); for (;;); } return { n };`));
  await command.until(() => existsSync(gate), 'the endless loop');
  assert.ok(nodeHosts(cluster).length > 0);
  const cancelled = await sandbox.run('cancel', 'hanging');
  assert.equal(cancelled.code, 0, cancelled.stderr);
  await command.ended;
  await untilNoHosts(cluster);
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
