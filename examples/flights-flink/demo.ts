/**
 * `make demo-flink`: a real Flink cluster of two TaskManagers on this machine, the job of `make demo` on it, unchanged, and what
 * came out beside what `make demo` has left, if it was run.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs, promisify } from 'node:util';
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';
import { runDemo } from '../run-demo.js';

const { values } = parseArgs({
  options: {
    input: { type: 'string' },
    output: { type: 'string', default: 'out/flight-delays-flink' },
    embedded: { type: 'string', default: 'out/flight-delays' },
    version: { type: 'string', default: '2.2.0' },
  },
});
const memoryEveryMs = 2_000;
const started: ChildProcess[] = [];

interface Summary {
  readonly auc: number;
  readonly logLoss: number;
  readonly examples: number;
  readonly predictions: number;
}

/** Largest resident memory so far, MB. */
const peaks = { taskManager: 0, host: 0 };

/** A slot for each worker, so that each TaskManager has one. */
async function startCluster(): Promise<{ readonly address: string; readonly pid: number }> {
  const child = spawn(process.execPath, ['dist/test/flink/main.js', '--version', values.version, '--task-managers', '2', '--slots', '1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  for await (const line of createInterface({ input: child.stdout })) return { address: line, pid: child.pid as number };
  throw new Error('the cluster did not start');
}

async function runJob(address: string): Promise<void> {
  const input = values.input === undefined ? [] : ['--set', `input=${values.input}`];
  const job = spawn(
    process.execPath,
    ['dist/src/cli/main.js', 'run', 'examples/flight-delays/job.ts', ...input, '--set', `output=${values.output}`, '--engine', 'flink', '--address', address],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  started.push(job);
  const [code] = (await once(job, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the job ended with exit code ${code}`);
}

/** Looks at the processes below the cluster's: a shell for each JVM, and the Node hosts that the TaskManagers have started. */
async function measure(cluster: number): Promise<void> {
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,ppid=,rss=,args=']);
  const processes = stdout.split('\n').map((line) => {
    const [pid, parent, kilobytes, ...command] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), megabytes: Number(kilobytes) / 1024, command: command.join(' ') };
  });
  type Process = (typeof processes)[number];
  const below = (parents: readonly Pick<Process, 'pid'>[]): readonly Process[] => processes.filter(({ parent }) => parents.some(({ pid }) => pid === parent));
  const taskManagers = below(below([{ pid: cluster }])).filter(({ command }) => command.includes('TaskManagerRunner'));
  const hosts = below(taskManagers);
  peaks.taskManager = Math.max(peaks.taskManager, ...taskManagers.map(({ megabytes }) => megabytes));
  peaks.host = Math.max(peaks.host, ...hosts.map(({ megabytes }) => megabytes));
}

async function show(name: string, folder: string): Promise<void> {
  const { auc, logLoss, examples, predictions } = JSON.parse(readFileSync(`${folder}/summary.json`, 'utf8')) as Summary;
  const { num_rows: rows } = await parquetMetadataAsync(await asyncBufferFromFile(`${folder}/scores.parquet`));
  console.log(
    `${name.padEnd(16)} AUC ${auc.toFixed(4)}, log loss ${logLoss.toFixed(4)} over the last ${examples} flights; ${predictions} flights, ${rows} rows in ${folder}/scores.parquet`,
  );
}

async function demo(): Promise<void> {
  console.log(`starting Flink ${values.version} with 2 TaskManagers`);
  const { address, pid } = await startCluster();
  console.log(`Flink's UI: ${address}`);
  const looking = setInterval(() => void measure(pid).catch(() => undefined), memoryEveryMs);
  const startedMs = performance.now();
  try {
    await runJob(address);
  } finally {
    clearInterval(looking);
  }
  console.log(`\n${((performance.now() - startedMs) / 1000).toFixed(0)} s on Flink ${values.version}`);
  if (peaks.host > 0) console.log(`memory: a TaskManager up to ${peaks.taskManager.toFixed(0)} MB, its Node host up to ${peaks.host.toFixed(0)} MB`);
  await show('Flink', values.output);
  if (existsSync(`${values.embedded}/summary.json`)) await show('on one machine', values.embedded);
}

await runDemo(demo, started);
