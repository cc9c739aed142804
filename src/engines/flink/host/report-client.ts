import { createConnection, type Socket } from 'node:net';
import { serialize } from 'node:v8';
import type { SubtaskReport } from '../../../stream/engine.js';
import type { FlinkReports } from '../plan.js';

const connectTimeoutMs = 10_000;
/** For reports to leave this machine before a subtask says that it has finished. */
const flushTimeoutMs = 10_000;

export interface ReportClientOptions {
  /** undefined: nobody waits for reports. */
  readonly target: FlinkReports | undefined;
  /** Told once where reports are lost. */
  readonly onLost: (why: string) => void;
  /** Takes lines that a console sink wanted to be printed, where nobody else does. */
  readonly print: (line: string) => void;
}

/**
 * Hands values of SubtaskContext.report to the process that submitted the job: messages of v8.serialize, each behind its length
 * (u32, little-endian). The connection is made for the first one. Where there is nobody, lines are printed here and the rest is
 * dropped.
 */
export class ReportClient {
  readonly #options: ReportClientOptions;
  #socket: Socket | undefined;
  #isGone: boolean;
  #hasSaid = false;
  #unsent = 0;
  #flushed: (() => void)[] = [];

  constructor(options: ReportClientOptions) {
    this.#options = options;
    this.#isGone = options.target === undefined;
  }

  /** @throws what v8.serialize throws: a function, say */
  send(report: SubtaskReport): void {
    const { target } = this.#options;
    if (this.#isGone || target === undefined) return this.#nobody(report);
    const message = serialize({ token: target.token, ...report });
    const bytes = Buffer.allocUnsafe(4 + message.length);
    bytes.writeUInt32LE(message.length);
    bytes.set(message, 4);
    this.#unsent++;
    this.#connection(target).write(bytes, () => {
      if (--this.#unsent === 0) this.#settle();
    });
  }

  /** Resolves when all reports have left this process, or are lost. */
  async flush(): Promise<void> {
    if (this.#unsent === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, flushTimeoutMs);
      this.#flushed.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  close(): void {
    this.#isGone = true;
    this.#socket?.destroySoon();
  }

  #connection({ host, port }: FlinkReports): Socket {
    if (this.#socket !== undefined) return this.#socket;
    const socket = createConnection({ host, port, noDelay: true });
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error(`no answer within ${connectTimeoutMs} ms`)));
    socket.once('connect', () => socket.setTimeout(0));
    socket.once('error', (error) => this.#lost(`${host}:${port}: ${error.message}`));
    socket.once('close', () => this.#lost(`${host}:${port} has closed the connection`));
    // Nothing is said to us; without reading, its end would not be seen.
    socket.resume();
    return (this.#socket = socket);
  }

  #lost(why: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#settle();
    this.#say(why);
  }

  #nobody({ value, uid, channel }: SubtaskReport): void {
    if (Array.isArray(value) && value.every((line) => typeof line === 'string')) for (const line of value) this.#options.print(line);
    else this.#say(`nobody waits for '${channel}' of ${uid}`);
  }

  #say(why: string): void {
    if (this.#hasSaid) return;
    this.#hasSaid = true;
    this.#options.onLost(why);
  }

  #settle(): void {
    for (const resolve of this.#flushed.splice(0)) resolve();
  }
}
