/**
 * How long a job on Flink takes to start, and to go on after a failure: median and worst of 10 each, on a cluster of two TaskManagers
 * on this machine that is there already.
 *
 * - start-pipeline, start-training: from the start of `millrace run` until it has printed the first record of a sink. The pipeline is a
 *   source, a map and a sink; the training two workers and a parameter server, whose predictions are printed.
 * - killed-running: kill -9 of the Node host of one TaskManager, then of the other, until Flink says that all subtasks run again.
 * - killed-flowing: the same, until `millrace run` has printed the first prediction of the next attempt.
 * - memory-…: resident memory at the end of that, MB.
 *
 * Checkpoints every 500 ms. Restarts by `fixedDelay` with a delay of 100 ms, which is in the figures.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FlinkCluster, resolveFlinkEngineOptions } from '../src/engines/flink/index.js';
import { allRun } from '../src/engines/flink/job-state.js';
import { bridgeJar } from '../test/flink/bridge.js';
import { LocalFlink } from '../test/flink/local-flink.js';
import { nodeHosts } from '../test/flink/node-hosts.js';
import { FlinkCommand } from './flink-command.js';
import { median, type BenchResult } from './harness.js';

const rounds = 10;
const everyMs = 500;
const taskManagers = 2;
const job = fileURLToPath(new URL('../../bench/flink-recovery-job.ts', import.meta.url));

export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const configuration = { 'web.refresh-interval': '50' };
  // A slot for each worker, so that each TaskManager has one.
  const local = await LocalFlink.start({ version: '2.2.0', taskManagers, slots: 1, jvm: ['-XX:TieredStopAtLevel=4'], configuration });
  try {
    const cluster = new FlinkCluster(resolveFlinkEngineOptions({ address: local.address, jar: await bridgeJar() }));
    const starts = [];
    for (const training of [false, true]) starts.push(...results(training ? 'start-training' : 'start-pipeline', await starting(cluster, training), log));
    return [...starts, ...(await killing(local, cluster, log))];
  } finally {
    await local.close();
  }
}

function results(name: string, timesMs: readonly number[], log: (line: string) => void): BenchResult[] {
  log(`${name}: ${timesMs.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  return [
    { name: `${name}-median`, value: median(timesMs), unit: 'ms' },
    { name: `${name}-worst`, value: Math.max(...timesMs), unit: 'ms' },
  ];
}

function start(cluster: FlinkCluster, training: boolean): FlinkCommand {
  return new FlinkCommand(job, cluster.address, ['--set', `training=${training}`, '--checkpoint-every', `${everyMs} ms`]);
}

async function end(cluster: FlinkCluster, command: FlinkCommand): Promise<void> {
  await cluster.cancel(await command.flinkId());
  await command.ended();
}

async function starting(cluster: FlinkCluster, training: boolean): Promise<number[]> {
  const times: number[] = [];
  while (times.length < rounds) {
    const command = start(cluster, training);
    try {
      times.push((await command.line(0)) - command.startedMs);
      await end(cluster, command);
    } finally {
      command.kill();
    }
  }
  return times;
}

async function killing(local: LocalFlink, cluster: FlinkCluster, log: (line: string) => void): Promise<BenchResult[]> {
  const command = start(cluster, true);
  const times = { running: [] as number[], flowing: [] as number[] };
  try {
    await command.line(0);
    const id = await command.flinkId();
    const runs = async (): Promise<boolean> => allRun((await cluster.job(id)).vertices);
    for (let round = 0; round < rounds; round++) {
      const { counts } = await cluster.checkpoints(id);
      await command.until(async () => (await cluster.checkpoints(id)).counts.completed > counts.completed + 1, 'checkpoints before a kill');
      // Somewhere between two checkpoints.
      await delay((round * 137) % everyMs);
      const printed = command.lines;
      const [host] = nodeHosts(local, round % taskManagers);
      if (host === undefined) throw new Error(`TaskManager ${round % taskManagers} has no Node host`);
      const startedMs = performance.now();
      process.kill(host, 'SIGKILL');
      await command.until(async () => !(await runs()), 'failure that Flink has seen');
      await command.until(runs, 'restart');
      times.running.push(performance.now() - startedMs);
      times.flowing.push((await command.line(printed)) - startedMs);
    }
    const memory = Array.from({ length: taskManagers }, (_, i) => [
      { name: `memory-task-manager-${i}`, value: residentMb(local.taskManagerPid(i)), unit: 'MB' },
      { name: `memory-host-${i}`, value: residentMb(nodeHosts(local, i)[0]), unit: 'MB' },
    ]).flat();
    await end(cluster, command);
    return [...results('killed-running', times.running, log), ...results('killed-flowing', times.flowing, log), ...memory];
  } finally {
    command.kill();
  }
}

function residentMb(pid: number | undefined): number {
  return pid === undefined ? NaN : Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
