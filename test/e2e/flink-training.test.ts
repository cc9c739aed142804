import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach } from 'node:test';
import { checkCounting } from '../chaos/check-counting.js';
import { startCountingOnFlink } from '../chaos/counting-command.js';
import { fileGround } from '../chaos/ground.js';
import { flinkTest, hasFlink } from '../flink/flink-test.js';
import { untilNoHosts } from '../flink/left-behind.js';
import { LocalFlink } from '../flink/local-flink.js';
import { nodeHosts } from '../flink/node-hosts.js';
import { readLines, Sandbox, type Command } from './millrace.js';

let cluster: LocalFlink;
before(async () => {
  if (!hasFlink) return;
  const configuration = { 'cluster.evenly-spread-out-slots': 'true', 'heartbeat.interval': '500', 'heartbeat.timeout': '5000' };
  cluster = await LocalFlink.start({ version: '1.20.3', taskManagers: 2, slots: 4, configuration });
});
after(() => cluster?.close());

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
  mkdirSync(sandbox.path('faults'));
});
afterEach(() => sandbox.close());

const records = 12_000;

/** The counting job of the chaos runs on Flink, and what it has said so far. */
async function startCounting(): Promise<Command> {
  // Else one of the job before might be taken for one of this.
  await untilNoHosts(cluster);
  const command = startCountingOnFlink(sandbox, cluster.address, { records, isolation: 'thread' });
  await command.until(() => completed(command) > 2, 'checkpoints');
  return command;
}

function completed(command: Command): number {
  const last = command.events.filter(({ event }) => event === 'progress').at(-1);
  return (last?.['checkpoints'] as { readonly completed: number } | undefined)?.completed ?? 0;
}

async function assertExact(command: Command): Promise<void> {
  const { code, stdout, stderr } = await command.ended;
  assert.equal(code, 0, stderr + stdout);
  assert.ok((command.events.at(-1)?.['restarts'] as number) >= 1, 'it was restarted');
  await checkCounting({ records, model: 'counter' }, sandbox.path('out'), fileGround(sandbox.path('out')));
}

flinkTest('a model that trains on Flink counts each record once, though a Node host is killed', async () => {
  const command = await startCounting();
  const [host] = nodeHosts(cluster);
  assert.ok(host !== undefined);
  process.kill(host, 'SIGKILL');
  await assertExact(command);
});

flinkTest('a model that trains on Flink counts each record once, though a TaskManager is killed', async () => {
  const command = await startCounting();
  const victim = nodeHosts(cluster, 0).length > 0 ? 0 : 1;
  await cluster.killTaskManager(victim);
  await cluster.startTaskManager(victim);
  await assertExact(command);
});

flinkTest('score() on Flink uses the model that trains in the same job, from its first version on', async () => {
  const command = sandbox.start(
    ...['run', sandbox.job('train-score.ts'), '--set', `output=${sandbox.path('scores.jsonl')}`, '--engine', 'flink', '--address', cluster.address],
  );
  await command.until(() => command.stderr.includes('training_loss'), 'loss among the metrics');
  command.kill('SIGINT');
  const { code, stderr } = await command.ended;
  assert.equal(code, 0, stderr);
  const scores = readLines(sandbox.path('scores.jsonl'));
  assert.ok(scores.length > 0);
  assert.ok(scores.every(({ probability }) => typeof probability === 'number' && probability >= 0 && probability <= 1));
  assert.match(readFileSync(sandbox.path('scores.jsonl'), 'utf8'), /"inside":true/);
});
