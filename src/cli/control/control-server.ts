import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { rmSync } from 'node:fs';
import { encodeError, fromSystemError, MillraceError } from '../../core/index.js';
import type { RunningJob } from '../../stream/engine.js';

export interface ControlServer {
  close(): Promise<void>;
}

/**
 * Lets other commands of the same user reach a running job: HTTP with JSON over a Unix socket.
 *
 * | route          | body                    | answer             |
 * |----------------|-------------------------|--------------------|
 * | GET /status    |                         | JobStatus          |
 * | POST /scale    | {target, parallelism}   | {} when redeployed |
 * | POST /stop     |                         | JobSummary         |
 * | POST /suspend  | {target?}               | JobSummary         |
 * | POST /savepoint| {target?}               | CheckpointInfo     |
 * | POST /cancel   |                         | {}                 |
 *
 * Who may call is decided by the directory that the socket lies in.
 */
export async function startControlServer(job: RunningJob, socketPath: string): Promise<ControlServer> {
  rmSync(socketPath, { force: true });
  const server = createServer((request, response) => {
    void answer(job, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (thrown) => {
      reject(fromSystemError(thrown, 'control socket', socketPath));
    });
    server.listen(socketPath, resolve);
  });
  server.unref();
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

async function answer(job: RunningJob, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = (status: number, body: unknown): void => {
    // One answer a connection: a job that ends must not wait for a client's keep-alive.
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
  };
  try {
    send(200, await route(job, `${request.method ?? ''} ${request.url ?? ''}`, await readBody(request)));
  } catch (thrown) {
    send(400, { error: encodeError(thrown) });
  }
}

async function route(job: RunningJob, call: string, body: Readonly<Record<string, unknown>>): Promise<unknown> {
  switch (call) {
    case 'GET /status':
      return job.status();
    case 'POST /scale': {
      const { target, parallelism } = body;
      if (typeof target !== 'string' || typeof parallelism !== 'number')
        throw new MillraceError('OPTION_INVALID', 'scale: wants {target: string, parallelism: number}');
      await job.scale(target, parallelism);
      return {};
    }
    case 'POST /stop':
      return job.stop();
    case 'POST /suspend':
      return job.suspend(targetOf(body));
    case 'POST /savepoint':
      return job.savepoint(targetOf(body));
    case 'POST /cancel':
      await job.cancel();
      return {};
    default:
      throw new MillraceError('PROTOCOL', `control socket: there is no ${call}`);
  }
}

function targetOf({ target }: Readonly<Record<string, unknown>>): string | undefined {
  if (target === undefined || typeof target === 'string') return target;
  throw new MillraceError('OPTION_INVALID', 'savepoint: wants {target?: string}');
}

const maxBodyBytes = 64 * 1024;

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new MillraceError('RECORD_TOO_LARGE', `control socket: a request of more than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
  } catch (thrown) {
    throw new MillraceError('PROTOCOL', 'control socket: the request is not JSON', { cause: thrown });
  }
}
