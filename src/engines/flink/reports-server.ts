import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { deserialize } from 'node:v8';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import type { SubtaskReport } from '../../stream/engine.js';
import type { FlinkReports } from './plan.js';

const maxMessageBytes = 64 * 1024 * 1024;
const lengthBytes = 4;
const quietMs = 50;
const settleTimeoutMs = 5_000;

interface ReportMessage extends SubtaskReport {
  readonly token: string;
}

export interface ReportsServerOptions {
  /** Address of this machine; TaskManagers connect to it. */
  readonly host: string;
  readonly onReport: (report: SubtaskReport) => void;
  /** A connection that says what it must not is closed; this hears why. */
  readonly onRefused: (error: MillraceError) => void;
}

/**
 * Takes what subtasks on TaskManagers hand to the process that submitted the job: one connection from each host, on it
 * messages of v8.serialize, each behind its length (u32 little endian) and with the token of this job.
 */
export class ReportsServer {
  readonly #server: Server;
  readonly #options: ReportsServerOptions;
  readonly #token = randomBytes(16).toString('hex');
  readonly #sockets = new Set<Socket>();

  private constructor(options: ReportsServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** @throws OPTION_INVALID for an address that is not of this machine; PORT_IN_USE, IO_FAILED */
  static async listen(options: ReportsServerOptions): Promise<ReportsServer> {
    const it = new ReportsServer(options);
    await new Promise<void>((resolve, reject) => {
      it.#server.once('error', (thrown: NodeJS.ErrnoException) => reject(notListening(thrown, options.host)));
      it.#server.listen(0, options.host, resolve);
    });
    // A job keeps the process alive by itself.
    it.#server.unref();
    return it;
  }

  /** What the plan says of this server. */
  get target(): FlinkReports {
    return { host: this.#options.host, port: (this.#server.address() as AddressInfo).port, token: this.#token };
  }

  /** Waits until what has been sent is here: the job has ended, but its last bytes may be on their way. */
  async settle(): Promise<void> {
    const deadline = Date.now() + settleTimeoutMs;
    const received = (): number => [...this.#sockets].reduce((sum, socket) => sum + socket.bytesRead, 0);
    for (let before = -1, now = received(); now !== before && Date.now() < deadline; before = now, now = received()) await setTimeout(quietMs);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.unref();
    socket.on('close', () => this.#sockets.delete(socket));
    // A host that is killed resets its connection; its job says what happened.
    socket.on('error', () => undefined);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      try {
        rest = this.#messages(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
      } catch (thrown) {
        socket.destroy();
        this.#options.onRefused(MillraceError.from(thrown, 'PROTOCOL', `a report from ${socket.remoteAddress ?? 'somebody'}`));
      }
    });
  }

  /** Hands out whole messages; returns what is left. */
  #messages(bytes: Buffer): Buffer {
    let at = 0;
    while (bytes.length - at >= lengthBytes) {
      const length = bytes.readUInt32LE(at);
      if (length > maxMessageBytes)
        throw new MillraceError('RECORD_TOO_LARGE', `a report of ${length} bytes; the limit is ${maxMessageBytes}: hand out less at once`);
      if (bytes.length - at - lengthBytes < length) break;
      const from = at + lengthBytes;
      at = from + length;
      this.#message(deserialize(bytes.subarray(from, at)) as Partial<ReportMessage>);
    }
    return bytes.subarray(at);
  }

  #message({ token, uid, subtask, attempt, channel, value }: Partial<ReportMessage>): void {
    if (typeof token !== 'string' || !sameToken(token, this.#token)) throw new MillraceError('PROTOCOL', 'it has not the token of this job');
    if (typeof uid !== 'string' || typeof subtask !== 'number' || typeof attempt !== 'number' || typeof channel !== 'string')
      throw new MillraceError('PROTOCOL', 'it lacks uid, subtask, attempt or channel');
    this.#options.onReport({ uid, subtask, attempt, channel, value });
  }
}

function sameToken(given: string, own: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(own)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function notListening(error: NodeJS.ErrnoException, host: string): MillraceError {
  const { code = '' } = error;
  if (code !== 'EADDRNOTAVAIL' && code !== 'ENOTFOUND') return fromSystemError(error, 'listener for reports of TaskManagers', host);
  const own = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));
  const text = `reportsHost (--reports-host): this machine is not at ${host} (${code}); name one of its own addresses, which TaskManagers reach: ${own.join(', ')}`;
  return new MillraceError('OPTION_INVALID', text, { details: { host, own }, cause: error });
}
