import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Sandbox, type Command } from '../../e2e/millrace.js';
import type { LocalFlink } from '../../flink/local-flink.js';
import { nodeHosts } from '../../flink/node-hosts.js';
import { checkCounting } from '../check-counting.js';
import { fileGround } from '../ground.js';
import { countingCommand } from '../counting-command.js';
import { Marks } from '../marks.js';
import { describeFlinkCase, type FlinkCase } from './cases.js';

export interface FlinkResult {
  readonly case: FlinkCase;
  readonly hits: number;
  /** From each blow until all subtasks ran again. */
  readonly recoveriesMs: readonly number[];
  readonly durationMs: number;
}

const rate = 1_000;
const pollMs = 50;
const goneMs = 20_000;
const deadlineMs = 90_000;
const requestTimeoutMs = 5_000;

/**
 * Runs the counting job on a cluster with faults, to its end, and checks that every record counts exactly once, and that no
 * Node host outlives its linger. The cluster must have more slots on each TaskManager than the job needs.
 */
export async function runFlinkCase(chaos: FlinkCase, cluster: LocalFlink): Promise<FlinkResult> {
  const run = new FlinkRun(chaos, cluster);
  try {
    return await run.run();
  } catch (thrown) {
    throw new Error(`${describeFlinkCase(chaos)}\n${thrown instanceof Error ? thrown.message : String(thrown)}\n${run.tail}`, { cause: thrown });
  } finally {
    await run.close();
  }
}

class FlinkRun {
  readonly #sandbox = new Sandbox();
  readonly #chaos: FlinkCase;
  readonly #cluster: LocalFlink;
  #command!: Command;
  #id: string | undefined;
  #hits = 0;
  readonly #recoveriesMs: number[] = [];

  readonly #marks: Marks;

  constructor(chaos: FlinkCase, cluster: LocalFlink) {
    this.#chaos = chaos;
    this.#cluster = cluster;
    this.#marks = new Marks(this.#sandbox.path('faults'), chaos.records, chaos.hitsAt);
    mkdirSync(this.#sandbox.path('faults'));
  }

  get tail(): string {
    return `${this.#command?.stdout ?? ''}\n${this.#command?.stderr ?? ''}`.split('\n').slice(-30).join('\n');
  }

  async close(): Promise<void> {
    // A job outlives its command.
    if (this.#command !== undefined && !this.#hasEnded) await this.#sandbox.run('cancel', 'counting');
    await this.#sandbox.close();
  }

  async run(): Promise<FlinkResult> {
    const startedMs = performance.now();
    this.#command = this.#start();
    await this.#until(() => (this.#chaos.from === 'running' ? this.#runs() : this.#hasCheckpoint()), 'running');
    for (const hit of this.#marks.hits) {
      await this.#until(() => Promise.resolve(this.#marks.isLeft(hit)), `at record ${hit}`);
      if (this.#hasEnded) break;
      const struckMs = performance.now();
      await this.#strike();
      await this.#until(async () => !(await this.#runs()), 'struck');
      await this.#until(() => this.#runs(), 'running again');
      if (!this.#hasEnded) this.#recoveriesMs.push(performance.now() - struckMs);
    }
    this.#marks.over();
    const { code } = await this.#command.ended;
    assert.equal(code, 0, 'exit code');
    assert.equal(this.#hits, this.#chaos.hitsAt.length, 'hits');
    const folder = this.#sandbox.path('out');
    await checkCounting({ records: this.#chaos.records, model: 'counter' }, folder, fileGround(folder));
    await this.#untilNoHosts();
    return { case: this.#chaos, hits: this.#hits, recoveriesMs: this.#recoveriesMs, durationMs: performance.now() - startedMs };
  }

  #start(): Command {
    const { mode, workers, servers, records, checkpointEveryMs } = this.#chaos;
    const params = { records, rate, workers, servers, mode, isolation: 'thread', model: 'counter', marks: this.#marks.param };
    return this.#sandbox.start(
      ...countingCommand(this.#sandbox, params),
      ...['--checkpoint-every', `${checkpointEveryMs} ms`, '--engine', 'flink', '--address', this.#cluster.address, '--json'],
    );
  }

  async #strike(): Promise<void> {
    const cluster = this.#cluster;
    const victim = this.#hits + this.#chaos.seed;
    switch (this.#chaos.fault) {
      case 'Node host killed': {
        const hosts = nodeHosts(cluster);
        const host = hosts[victim % Math.max(hosts.length, 1)];
        if (host === undefined) return;
        process.kill(host, 'SIGKILL');
        break;
      }
      case 'TaskManager killed': {
        // One that has something to lose.
        const index = [victim % 2, (victim + 1) % 2].find((each) => nodeHosts(cluster, each).length > 0);
        if (index === undefined) return;
        await cluster.killTaskManager(index);
        await cluster.startTaskManager(index);
        break;
      }
      case 'JobManager killed':
        await cluster.killJobManager();
        await cluster.startJobManager();
        break;
    }
    this.#hits++;
  }

  /** Until the job has come so far, or has ended. */
  async #until(condition: () => Promise<boolean>, what: string): Promise<void> {
    for (const end = Date.now() + deadlineMs; !this.#hasEnded && !(await condition()); await delay(pollMs))
      assert.ok(Date.now() < end, `not ${what} within ${deadlineMs} ms`);
  }

  async #untilNoHosts(): Promise<void> {
    for (const end = Date.now() + goneMs; nodeHosts(this.#cluster).length > 0; await delay(pollMs))
      assert.ok(Date.now() < end, `Node hosts left behind: ${nodeHosts(this.#cluster).join(', ')}`);
  }

  get #hasEnded(): boolean {
    return this.#command.hasExited || this.#command.events.at(-1)?.['event'] === 'summary';
  }

  /** All subtasks run. */
  async #runs(): Promise<boolean> {
    const { jobs } = (await this.#get<{ readonly jobs: readonly FlinkJobView[] }>('/jobs/overview')) ?? { jobs: [] };
    const job = jobs.find(({ name, state }) => name === 'counting' && state === 'RUNNING');
    this.#id = job?.jid ?? this.#id;
    return job !== undefined && job.tasks.running + job.tasks.finished === job.tasks.total;
  }

  async #hasCheckpoint(): Promise<boolean> {
    if (this.#id === undefined && !(await this.#runs())) return false;
    const found = await this.#get<{ readonly counts: { readonly completed: number } }>(`/jobs/${this.#id}/checkpoints`);
    return (found?.counts.completed ?? 0) > 0;
  }

  /** @returns undefined while the JobManager is not there */
  async #get<T>(path: string): Promise<T | undefined> {
    try {
      const response = await fetch(`${this.#cluster.address}${path}`, { signal: AbortSignal.timeout(requestTimeoutMs) });
      return response.ok ? ((await response.json()) as T) : undefined;
    } catch {
      return undefined;
    }
  }
}

interface FlinkJobView {
  readonly jid: string;
  readonly name: string;
  readonly state: string;
  readonly tasks: { readonly total: number; readonly running: number; readonly finished: number };
}
