import { request as plainRequest, Agent as PlainAgent } from 'node:http';
import { request as tlsRequest, Agent as TlsAgent } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A connection that nobody uses is closed by us, before a server or a proxy between does so while a request is on its way. */
const idleMs = 4_000;

/** All PEM. */
export interface TlsIdentity {
  /** Authorities that are trusted, in place of those of Node.js. */
  readonly ca?: string;
  /** Our own certificate, where the server asks for one. */
  readonly cert?: string;
  readonly key?: string;
}

export interface HttpCall {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | FormData | undefined;
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Where it sends us instead. */
  readonly location: string | undefined;
  readonly text: string;
}

/** Calls one HTTP server, over connections that are used again. fetch() of Node.js takes neither authorities nor a certificate of ours. */
export class HttpCaller {
  readonly #base: string;
  readonly #isTls: boolean;
  readonly #agent: PlainAgent | TlsAgent;

  /** @param base URL that paths are added to */
  constructor(base: string, identity: TlsIdentity) {
    this.#base = base;
    this.#isTls = base.startsWith('https:');
    const pooled = { keepAlive: true, timeout: idleMs };
    this.#agent = this.#isTls ? new TlsAgent({ ...pooled, ...identity }) : new PlainAgent(pooled);
  }

  /** @throws what Node.js says of a connection; an AbortError at the deadline */
  call(path: string, { method, headers, body, timeoutMs }: HttpCall): Promise<HttpAnswer> {
    // Encodes a form, and says with which boundary.
    const form = body instanceof FormData ? new Response(body) : undefined;
    const type = form?.headers.get('content-type');
    const options = {
      method,
      headers: { ...headers, ...(typeof type === 'string' ? { 'content-type': type } : {}) },
      agent: this.#agent,
      signal: AbortSignal.timeout(timeoutMs),
    };
    return new Promise((resolve, reject) => {
      const request = (this.#isTls ? tlsRequest : plainRequest)(this.#base + path, options);
      request.once('error', reject);
      request.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, location: response.headers.location, text: Buffer.concat(chunks).toString('utf8') }),
        );
      });
      const encoded = form?.body ?? undefined;
      if (encoded === undefined) request.end(body);
      else pipeline(Readable.fromWeb(encoded), request).catch(reject);
    });
  }
}
