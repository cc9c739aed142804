import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

const stopTimeoutMs = 30_000;

// Java dies with us, also when we are killed: then the pipe on its shell's stdin breaks.
const shell = 'exec 3<&0; java "$@" </dev/null & p=$!; echo $p; { cat <&3 >/dev/null; kill -9 $p 2>/dev/null; } & wait $p; kill $! 2>/dev/null';

export interface JavaOptions {
  readonly arguments: readonly string[];
  /** Appended to: stderr of Java. */
  readonly log: string;
  /** More variables; default: ours. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A Java process that never outlives this one. */
export class JavaProcess {
  readonly #shell: ChildProcess;
  readonly #log: string;
  readonly pid: number;

  private constructor(child: ChildProcess, pid: number, log: string) {
    this.#shell = child;
    this.#log = log;
    this.pid = pid;
  }

  /** Resolves once the process is there, not when it answers. */
  static async start({ arguments: args, log, env }: JavaOptions): Promise<JavaProcess> {
    const errors = openSync(log, 'a');
    const child = spawn('sh', ['-c', shell, 'sh', ...args], { stdio: ['pipe', 'pipe', errors], env: { ...process.env, ...env } });
    closeSync(errors);
    child.stdin?.on('error', () => undefined);
    const [first] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    child.stdout?.resume();
    return new JavaProcess(child, Number.parseInt(first.toString(), 10), log);
  }

  get isRunning(): boolean {
    return this.#shell.exitCode === null && this.#shell.signalCode === null;
  }

  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(this.pid, signal);
    } catch {
      // It has ended by itself.
    }
  }

  /** Resolves when it has ended; one that does not heed the signal is killed. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#shell, 'exit');
    this.signal(signal);
    const late = new AbortController();
    void setTimeout(stopTimeoutMs, undefined, { signal: late.signal }).then(
      () => this.signal('SIGKILL'),
      () => undefined,
    );
    await ended;
    late.abort();
    this.#shell.stdin?.destroy();
  }

  logTail(): string {
    return readFileSync(this.#log, 'utf8').slice(-3000);
  }
}
