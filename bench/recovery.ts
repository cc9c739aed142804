/**
 * How long it takes until records flow again, median and worst of 20 each, ms:
 *
 * - worker-killed: the thread of one of two workers ends; until its successor, which replaces it alone, has emitted predictions.
 * - ps-killed: the thread of the parameter server ends; until a push has arrived at the one of the next attempt.
 * - job-killed: kill -9 of the process; from the start of `millrace run --restore latest` until new predictions are in the file.
 *
 * Checkpoints every 500 ms.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import { createEmbeddedEngine, loadJob } from '../src/engines/embedded/index.js';
import { buildGraph, restartSettings, type RunningJob } from '../src/stream/index.js';
import { median, type BenchResult } from './harness.js';
import { benchJob } from './job-rate.js';
import { deathChannel } from './recovery-job.js';

/** Of subtask 0, the one that dies: whoever comes after it counts from 0 again. */
interface Counter {
  readonly name: string;
  readonly operator: string;
}

const deaths = 20;
const everyMs = 500;
const limitMs = 60_000;

export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    const inPlace = await threads(dir, log);
    return [...inPlace, ...results('job-killed', await processes(dir, log))];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function results(name: string, timesMs: readonly number[]): BenchResult[] {
  return [
    { name: `${name}-median`, value: median(timesMs), unit: 'ms' },
    { name: `${name}-worst`, value: Math.max(...timesMs), unit: 'ms' },
  ];
}

async function threads(dir: string, log: (line: string) => void): Promise<BenchResult[]> {
  const bundle = benchJob('recovery-job');
  const definition = await loadJob(bundle);
  const params = { output: join(dir, 'threads') };
  const job = await createEmbeddedEngine().submit({
    ...{ id: 'bench', name: definition.name, graph: buildGraph(definition, params), bundle, params, parallelism: 1, keyGroups: 128, overrides: {} },
    checkpoints: { everyMs, store: undefined },
    restart: restartSettings(definition.restart, undefined, true),
    log: ({ level, message }) => {
      if (level === 'error') log(message);
    },
  });
  const death = new BroadcastChannel(deathChannel);
  try {
    const measure = async (role: 'worker' | 'ps', counter: Counter): Promise<number[]> => {
      const times: number[] = [];
      while (times.length < deaths) {
        await until(() => counted(job, counter) > 0 && job.state === 'running', `${counter.name} before a death`);
        // Somewhere between two cuts.
        await delay(200 + ((times.length * 137) % everyMs));
        const before = counted(job, counter);
        const { attempt } = job.status();
        const startedMs = performance.now();
        death.postMessage(role);
        await until(() => counted(job, counter) < before || job.status().attempt > attempt, `next ${role}`);
        await until(() => counted(job, counter) > 0, `${counter.name} after a death`);
        times.push(performance.now() - startedMs);
      }
      const { nodeRestarts, restarts } = job.status();
      log(`${role}: ${restarts} restarts of the region, ${nodeRestarts} of a node; ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
      return times;
    };
    const worker = await measure('worker', { name: 'millrace_records_out_total', operator: 'small worker' });
    const ps = await measure('ps', { name: 'millrace_parameter_pushes_total', operator: 'small ps' });
    return [...results('worker-killed', worker), ...results('ps-killed', ps)];
  } finally {
    death.close();
    await job.cancel();
  }
}

function counted(job: RunningJob, { name, operator }: Counter): number {
  const { value = 0 } = job.metrics().find(({ name: found, labels }) => found === name && labels['operator'] === operator && labels['subtask'] === '0') ?? {};
  return value;
}

async function processes(dir: string, log: (line: string) => void): Promise<number[]> {
  const file = join(dir, 'processes', 'predictions.jsonl.inprogress');
  const size = (): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const times: number[] = [];
  let child = start(dir, false);
  try {
    await until(() => size() > 0, 'predictions of the first run');
    while (times.length < deaths) {
      await delay(2 * everyMs + ((times.length * 137) % everyMs));
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));
      const before = size();
      const startedMs = performance.now();
      child = start(dir, true);
      // The file is cut off at the checkpoint when it is opened again, if it had grown since; what grows from there is new.
      let least = before;
      await until(() => {
        const now = size();
        least = Math.min(least, now);
        return now > before || (least < before && now > least);
      }, 'predictions of the next run');
      times.push(performance.now() - startedMs);
    }
    log(`job: ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    return times;
  } finally {
    child.kill('SIGKILL');
  }
}

function start(dir: string, restore: boolean): ChildProcess {
  const main = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
  const job = fileURLToPath(new URL('../../bench/recovery-job.ts', import.meta.url));
  const options = ['--set', `output=${join(dir, 'processes')}`, '--checkpoint-every', `${everyMs} ms`, '--checkpoint-dir', join(dir, 'checkpoints')];
  const env = { ...process.env, MILLRACE_RUNTIME_DIR: join(dir, 'run'), MILLRACE_STATE_DIR: join(dir, 'state') };
  return spawn(process.execPath, [main, 'run', job, ...options, ...(restore ? ['--restore', 'latest'] : [])], { env, stdio: 'ignore' });
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`no ${what} within ${limitMs} ms`);
    await delay(3);
  }
}
