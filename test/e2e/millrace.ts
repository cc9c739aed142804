import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The repository, seen from dist/test/e2e. */
export const root = resolve(import.meta.dirname, '../../..');
const main = join(root, 'dist/src/cli/main.js');

/** A place of its own for sockets, logs and output of one test. */
export class Sandbox {
  readonly dir = mkdtempSync(join(tmpdir(), 'millrace-e2e-'));
  /** More environment of what is started. */
  readonly env: Record<string, string> = {};
  readonly #started: Command[] = [];

  path(name: string): string {
    return join(this.dir, name);
  }

  job(name: string): string {
    return join(root, 'test/e2e/jobs', name);
  }

  /** Writes a file, a job's for one, and gives its path. */
  write(name: string, content: string): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  /** What jobs have left in the runtime directory: sockets and entries. */
  get registered(): readonly string[] {
    return existsSync(this.path('run')) ? readdirSync(this.path('run')) : [];
  }

  /** Starts `millrace …` in the repository root. */
  start(...args: readonly string[]): Command {
    const own = { MILLRACE_RUNTIME_DIR: this.path('run'), MILLRACE_STATE_DIR: this.path('state'), NO_COLOR: '1' };
    const command = new Command(args, { ...process.env, ...own, ...this.env });
    this.#started.push(command);
    return command;
  }

  /** Starts `millrace …` and waits for its end. */
  run(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** Kills what still runs and clears the folder. */
  async close(): Promise<void> {
    for (const command of this.#started) command.kill('SIGKILL');
    await Promise.all(this.#started.map((command) => command.ended.catch(() => undefined)));
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Processes that the command started and that outlived it. */
  readonly orphans: readonly number[];
}

const commandDeadlineMs = 240_000;
/** A process closes its pipes before it is gone. */
const orphanGraceMs = 3_000;

export class Command {
  readonly #child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    // A process group of its own, so that what it starts can be told from others.
    this.#child = spawn(process.execPath, [main, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        reject(new Error(`millrace ${args.join(' ')} did not end within ${commandDeadlineMs} ms\n${this.stdout}\n${this.stderr}`));
      }, commandDeadlineMs);
      this.#child.once('close', (code, signal) => {
        clearTimeout(timer);
        void orphansOf(this.pid).then((orphans) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr, orphans }));
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** JSON objects printed so far. */
  get events(): readonly Record<string, unknown>[] {
    return parseLines(this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1));
  }

  /** Waits until `condition` holds, polling what was printed; the command must not end before. */
  async until(condition: () => boolean, what: string, deadlineMs = 60_000): Promise<void> {
    const end = Date.now() + deadlineMs;
    while (!condition()) {
      if (this.#child.exitCode !== null) throw new Error(`ended (${this.#child.exitCode}) before ${what}\n${this.stdout}\n${this.stderr}`);
      if (Date.now() > end) throw new Error(`no ${what} within ${deadlineMs} ms\n${this.stdout}\n${this.stderr}`);
      await delay(20);
    }
  }
}

/** Who still lives when those that are about to end have had time to. */
async function orphansOf(group: number): Promise<readonly number[]> {
  const end = Date.now() + orphanGraceMs;
  while (groupMembers(group).length > 0 && Date.now() < end) await delay(20);
  return groupMembers(group);
}

/** Living processes of a process group. */
function groupMembers(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        // pid (name) state ppid pgrp …; the name may have spaces and brackets.
        const [state, , pgrp] = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        return Number(pgrp) === group && state !== 'Z';
      } catch {
        return false;
      }
    })
    .map(Number);
}

export function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export function readLines(path: string): Record<string, unknown>[] {
  return existsSync(path) ? parseLines(readFileSync(path, 'utf8')) : [];
}
