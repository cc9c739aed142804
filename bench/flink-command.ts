import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const limitMs = 120_000;
const pollMs = 5;

/** `millrace run` of a job on Flink, as its user starts it, and what it has printed. */
export class FlinkCommand {
  /** When it was started; performance.now(). */
  readonly startedMs = performance.now();
  readonly #child: ChildProcess;
  readonly #printedMs: number[] = [];
  #told = '';

  /** @param args follow the job and the address */
  constructor(job: string, address: string, args: readonly string[]) {
    const main = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
    this.#child = spawn(process.execPath, [main, 'run', job, '--engine', 'flink', '--address', address, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: this.#child.stdout! }).on('line', () => this.#printedMs.push(performance.now()));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#told += text));
  }

  /** Lines that the job has printed. */
  get lines(): number {
    return this.#printedMs.length;
  }

  /** When the line with this index came, waited for; performance.now(). */
  async line(index: number): Promise<number> {
    await this.until(() => this.lines > index, `line ${index} of the job's output`);
    return this.#printedMs[index]!;
  }

  /** Flink's id of the job. */
  async flinkId(): Promise<string> {
    const found = (): string | undefined => / as ([0-9a-f]{32});/.exec(this.#told)?.[1];
    await this.until(() => found() !== undefined, "Flink's id of the job");
    return found()!;
  }

  /** Looks again and again; the command must not end meanwhile. */
  async until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (const end = performance.now() + limitMs; !(await holds()); await delay(pollMs)) {
      if (this.#child.exitCode !== null) throw new Error(`millrace run ended before ${what}\n${this.#told}`);
      if (performance.now() > end) throw new Error(`no ${what} within ${limitMs} ms\n${this.#told}`);
    }
  }

  /** For a job that has been cancelled. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null) await once(this.#child, 'exit', { signal: AbortSignal.timeout(limitMs) });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
