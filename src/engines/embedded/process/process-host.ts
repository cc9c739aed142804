import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { decodeError, deferred, MillraceError, withDeadline, type Deferred } from '../../../core/index.js';
import { metricsBlockBytes } from '../../runtime/metrics-block.js';
import type { FromSubtask, ToSubtask } from '../../runtime/protocol.js';
import type { SubtaskWork } from '../protocol.js';
import type { StartedSubtask, SubtaskPort } from '../subtask-host.js';
import type { FromHost, ToHost } from './host-protocol.js';

const entry = fileURLToPath(new URL('./host-entry.js', import.meta.url));
/** How long the last messages of a process that has ended may take to come out of its pipe. */
const lastWordsMs = 1_000;

function isInspect(flag: string): boolean {
  return flag.startsWith('--inspect');
}

class HostPort extends EventEmitter implements SubtaskPort {
  constructor(readonly postMessage: (message: ToSubtask) => void) {
    super();
  }
}

interface Running {
  readonly port: HostPort;
  readonly metrics: Float64Array;
  readonly name: string;
  readonly role: string | undefined;
  readonly done: Deferred<void>;
}

/**
 * The main process's side of one host process.
 *
 * ```
 * forked ──► runs a subtask ◄──► idle ──► told to end ──► gone
 *                 └── killed, crashed, thread lost ──────► gone: the subtask is lost
 * ```
 */
export class ProcessHost {
  readonly #child: ChildProcess;
  readonly #gone = deferred();
  isGone = false;
  /** It has been killed, though its exit may not have been seen yet. */
  #isKilled = false;
  #running: Running | undefined;

  /** @param folder of the channels' sockets; the process removes it where its parent is gone */
  constructor(folder: string) {
    const child = fork(entry, [folder, String(process.pid)], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // A debugger listens for one process only. Without one nothing is said: fork() leaves out what only the parent is for.
      ...(process.execArgv.some(isInspect) ? { execArgv: process.execArgv.filter((flag) => !isInspect(flag)) } : {}),
    });
    this.#child = child;
    child.on('message', (message: FromHost) => this.#hear(message));
    // One that could not be started never exits.
    child.on('error', (error) => child.pid === undefined && this.#end(`could not be started: ${error.message}`, {}));
    child.once('exit', (exitCode, signal) => {
      const end = (): void =>
        this.#end(signal === null ? `ended with exit code ${exitCode} and without a report` : `was ended by ${signal}`, {
          ...(signal === null ? { exitCode } : { signal }),
        });
      if (!child.connected) return end();
      // What it said before is still on its way.
      const timer = setTimeout(end, lastWordsMs);
      child.once('disconnect', () => {
        clearTimeout(timer);
        end();
      });
    });
  }

  /** True where the next subtask can run here. */
  get isIdle(): boolean {
    return this.#running === undefined && !this.#isKilled && !this.isGone;
  }

  run(work: SubtaskWork, { name, role }: { readonly name: string; readonly role: string | undefined }): StartedSubtask {
    const metrics = new SharedArrayBuffer(metricsBlockBytes);
    const port = new HostPort((message) => this.#send({ type: 'tell', message }));
    const running = { port, metrics: new Float64Array(metrics), name, role, done: deferred() };
    this.#running = running;
    this.#send({ type: 'run', work, name });
    return { port, metrics, pid: this.#child.pid, done: running.done.promise, kill: () => this.kill() };
  }

  kill(): void {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
  }

  /** Ends the process, by force where it does not end within `limitMs`. */
  async end(limitMs: number): Promise<void> {
    if (this.#running === undefined) this.#send({ type: 'end' });
    else this.kill();
    const timer = setTimeout(() => this.kill(), limitMs);
    // One that the system does not let die is not waited for forever.
    await withDeadline(this.#gone.promise, { ms: 3 * limitMs, what: `end of process ${this.#child.pid ?? ''}` }).catch(() => undefined);
    clearTimeout(timer);
  }

  #send(message: ToHost): void {
    // A process that has just ended is told so by its exit.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #hear(message: FromHost): void {
    const running = this.#running;
    if (running === undefined) return;
    if (message.type === 'said') running.port.emit('message', message.message satisfies FromSubtask);
    else if (message.type === 'metrics') running.metrics.set(message.values);
    else this.#free(running, message.lost === undefined ? undefined : decodeError(message.lost));
  }

  #free(running: Running, lost: MillraceError | undefined): void {
    this.#running = undefined;
    running.port.emit('close');
    if (lost === undefined) return running.done.resolve();
    // Its thread left what native code had open: no place for another one.
    this.kill();
    running.done.reject(lost);
  }

  #end(how: string, details: Readonly<Record<string, unknown>>): void {
    if (this.isGone) return;
    this.isGone = true;
    const running = this.#running;
    const { pid } = this.#child;
    if (running !== undefined) {
      const { name, role } = running;
      const which = role === undefined ? `process ${pid ?? ''}` : `process ${pid ?? ''} (role ${role})`;
      this.#free(running, new MillraceError('THREAD_LOST', `${name}: its ${which} ${how}`, { details: { subtask: name, role, pid, ...details } }));
    }
    this.#gone.resolve();
  }
}
