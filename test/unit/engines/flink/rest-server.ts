import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Asked {
  readonly call: string;
  readonly query: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers as Flink's REST does; a test gives the answers by method and path, the last one of a list for ever. */
export class RestServer {
  readonly asked: Asked[] = [];
  readonly #server: Server;
  readonly #answers = new Map<string, Answer[]>();
  /** Calls that get no answer. */
  readonly silent = new Set<string>();

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#read(request).then((asked) => {
        this.asked.push(asked);
        if (this.silent.has(asked.call)) return;
        const answers = this.#answers.get(asked.call);
        const {
          status = 200,
          headers = {},
          body,
        } = (answers !== undefined && answers.length > 1 ? answers.shift() : answers?.[0]) ?? {
          status: 404,
          headers: {},
          body: { errors: [`Not found: ${asked.call}`] },
        };
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body));
      });
    });
  }

  static async start(): Promise<RestServer> {
    const it = new RestServer();
    it.#server.listen(0, '127.0.0.1');
    await once(it.#server, 'listening');
    return it;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @param answers in their order; a body as it is, or with a status */
  on(call: string, ...answers: readonly Answer[]): this {
    this.#answers.set(call, [...answers]);
    return this;
  }

  calls(call: string): readonly Asked[] {
    return this.asked.filter((asked) => asked.call === call);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #read(request: IncomingMessage): Promise<Asked> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const url = new URL(request.url ?? '', 'http://flink');
    return { call: `${request.method ?? ''} ${url.pathname}`, query: url.search, headers: request.headers, body: Buffer.concat(chunks).toString('latin1') };
  }
}
