import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DirectoryStorage, listCheckpoints } from '../../src/checkpoints/index.js';
import { Sandbox, type Command, type Ended } from '../e2e/millrace.js';
import type { JobStatus } from '../../src/stream/engine.js';
import { checkCounting } from './check-counting.js';
import { describeCase, faults, hasRegionBeside, type ChaosCase } from './cases.js';
import { fileGround, type Ground, type Grounds } from './ground.js';
import { countingCommand } from './counting-command.js';
import { Marks } from './marks.js';

export interface ChaosResult {
  readonly case: ChaosCase;
  readonly hits: number;
  readonly restarts: number;
  /** Nodes that were replaced alone. */
  readonly nodeRestarts: number;
  /** Of the final weights. */
  readonly weights: string;
  readonly durationMs: number;
}

const rate = 2_500;
const pollMs = 20;
/** Until the job has come so far, or takes notice: several restarts, with TensorFlow and Kafka on a busy machine, lie between. */
const deadlineMs = 120_000;

/**
 * Runs the counting job as a process with faults, to its end, and checks that every record counts exactly once: in the
 * model's variable, in the sinks, in keyed counts and in windows; and that no process is left.
 *
 * @param grounds where runs through Kafka find their broker
 */
export async function runCase(chaos: ChaosCase, grounds?: Grounds): Promise<ChaosResult> {
  const run = new ChaosRun(chaos);
  try {
    return await run.run(grounds);
  } catch (thrown) {
    throw new Error(`${describeCase(chaos)}\n${thrown instanceof Error ? thrown.message : String(thrown)}\n${run.tail}`, { cause: thrown });
  } finally {
    await run.close();
  }
}

/** True where this process may mount a small disk of its own. */
export function canFillDisk(): boolean {
  const sandbox = new Sandbox();
  const ok = mount(sandbox.dir, 64 * 1024);
  if (ok) spawnSync('umount', [sandbox.dir]);
  rmSync(sandbox.dir, { recursive: true, force: true });
  return ok;
}

function mount(path: string, bytes: number): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]).status === 0;
}

class ChaosRun {
  readonly #sandbox = new Sandbox();
  readonly #chaos: ChaosCase;
  readonly #startedMs = performance.now();
  #ground!: Ground;
  #command!: Command;
  #restarts = 0;
  #nodeRestarts = 0;
  #hits = 0;
  #isMounted = false;

  readonly #marks: Marks;

  constructor(chaos: ChaosCase) {
    this.#chaos = chaos;
    this.#marks = new Marks(this.#sandbox.path('faults'), chaos.records, chaos.hitsAt);
    for (const name of ['faults', 'checkpoints']) mkdirSync(this.#sandbox.path(name));
  }

  get tail(): string {
    return `${this.#command?.stdout ?? ''}\n${this.#command?.stderr ?? ''}`.split('\n').slice(-30).join('\n');
  }

  async close(): Promise<void> {
    if (this.#isMounted) spawnSync('umount', ['-l', this.#sandbox.path('checkpoints')]);
    await this.#sandbox.close();
  }

  async run(grounds: Grounds | undefined): Promise<ChaosResult> {
    if (this.#chaos.through === 'kafka' && grounds === undefined) throw new Error('a run through Kafka wants a broker');
    this.#ground = this.#chaos.through === 'kafka' ? await (grounds as Grounds).prepare(this.#chaos) : fileGround(this.#sandbox.path('out'));
    if (this.#chaos.fault === 'disk full') this.#isMounted = mount(this.#sandbox.path('checkpoints'), this.#ground.diskBytes);
    this.#start();
    await this.#command.until(() => this.#hasEnded || this.#command.events.some(({ event }) => event === 'started'), 'start');
    if (this.#chaos.from === 'checkpoint') await this.#until(() => this.#isStored(), 'its first checkpoint');
    for (const hit of this.#marks.hits) {
      await this.#until(() => this.#marks.isLeft(hit), `record ${hit}`);
      if (!this.#hasEnded) await this.#strike();
    }
    this.#marks.over();
    const { code, orphans } = await this.#command.ended;
    assert.equal(code, 0, 'exit code');
    assert.deepEqual(orphans, [], 'processes left behind');
    this.#hits += readdirSync(this.#sandbox.path('faults')).filter((name) => /\.\d+$/.test(name)).length;
    this.#restarts += Number(this.#command.events.at(-1)?.['restarts']);
    this.#nodeRestarts += Number(this.#command.events.at(-1)?.['nodeRestarts']);
    assert.equal(this.#hits, this.#chaos.hitsAt.length, 'hits');
    await checkCounting(this.#chaos, this.#sandbox.path('out'), this.#ground);
    const weights = createHash('sha256')
      .update(readFileSync(this.#path('model/weights.bin')))
      .digest('hex');
    const durationMs = performance.now() - this.#startedMs;
    return { case: this.#chaos, hits: this.#hits, restarts: this.#restarts, nodeRestarts: this.#nodeRestarts, weights, durationMs };
  }

  get #hasEnded(): boolean {
    return this.#command.events.at(-1)?.['event'] === 'summary';
  }

  #fault(name: string): string {
    return this.#sandbox.path(`faults/${name}`);
  }

  /** Until the job has come so far, or has ended. */
  async #until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (const end = Date.now() + deadlineMs; !this.#hasEnded && !(await condition()); await delay(pollMs)) {
      if (this.#command.hasExited && !this.#hasEnded) throw new Error(`the job's process has ended before ${what}`);
      if (Date.now() > end) throw new Error(`the job has not come to ${what} within ${deadlineMs} ms`);
    }
  }

  #path(name: string): string {
    return join(this.#sandbox.path('out'), name);
  }

  #start(restore = false): void {
    const { fault, mode, isolation, workers, servers, model, records, checkpointEveryMs } = this.#chaos;
    const marks = this.#marks.param;
    const params = { records, rate, workers, servers, mode, isolation, model, marks, beside: hasRegionBeside(fault), ...this.#ground.params };
    const checkpoints = ['--checkpoint-every', `${checkpointEveryMs} ms`, '--checkpoint-dir', this.#sandbox.path('checkpoints')];
    this.#command = this.#sandbox.start(...countingCommand(this.#sandbox, params), ...checkpoints, ...(restore ? ['--restore', 'latest'] : []), '--json');
  }

  /** True where there is something to go back to; before the first checkpoint a run begins anew. */
  async #isStored(): Promise<boolean> {
    return (await listCheckpoints(new DirectoryStorage(join(this.#sandbox.path('checkpoints'), 'counting')))).length > 0;
  }

  async #strike(): Promise<void> {
    const { at, how } = faults[this.#chaos.fault];
    if (at === 'process') {
      this.#command.kill('SIGKILL');
      const { signal, orphans }: Ended = await this.#command.ended;
      assert.equal(signal, 'SIGKILL', 'what ended the job');
      assert.deepEqual(orphans, [], 'processes left behind by a kill');
      this.#hits++;
      this.#restarts++;
      this.#start(await this.#isStored());
      await this.#command.until(() => this.#command.events.some(({ event }) => event === 'started'), 'start after a kill');
    } else if (at === 'broker') {
      await this.#ground.outage?.(how, this.#chaos.outageMs);
      this.#hits++;
    } else if (how === 'kill') {
      await this.#until(() => this.#killOne(at), `a process of ${at}`);
      this.#hits++;
    } else if (at === 'disk') {
      const filler = this.#sandbox.path('checkpoints/filler');
      spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']);
      await delay(3 * this.#chaos.checkpointEveryMs);
      rmSync(filler, { force: true });
      this.#hits++;
    } else {
      writeFileSync(this.#fault(at), how);
      await this.#until(() => !existsSync(this.#fault(at)), `the fault of ${at}`);
    }
  }

  /** @returns false where there is none now: the job starts again, or it has ended meanwhile */
  async #killOne(role: string): Promise<boolean> {
    const pids = await this.#processesOf(role);
    const pid = pids[(this.#hits * 7 + this.#chaos.seed) % Math.max(pids.length, 1)];
    if (pid === undefined) return false;
    try {
      return process.kill(pid, 'SIGKILL');
    } catch {
      return false;
    }
  }

  /** Of the nodes of a role, as `millrace status` shows them. */
  async #processesOf(role: string): Promise<readonly number[]> {
    const { code, stdout } = await this.#sandbox.run('status', 'counting', '--json');
    if (code !== 0) return [];
    const shown = [JSON.parse(stdout) as unknown].flat() as readonly JobStatus[];
    return shown.flatMap(({ operators }) => operators.filter((operator) => operator.role === role).flatMap(({ pids = [] }) => pids));
  }
}
