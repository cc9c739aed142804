import { openAsBlob } from 'node:fs';
import { MillraceError } from '../../core/errors.js';
import { refusalOf } from './flink-failure.js';

export interface RestClientOptions {
  readonly address: string;
  readonly requestTimeoutMs: number;
}

export interface RestRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: object | FormData;
  /** Default: that of the client. */
  readonly timeoutMs?: number;
}

/**
 * Calls Flink's REST. Every failure has a code of ours:
 *
 * | what                                | code              |
 * |-------------------------------------|-------------------|
 * | nobody answers                      | UNAVAILABLE       |
 * | no answer in time                   | DEADLINE_EXCEEDED |
 * | 503, 502, 504 (a JobManager starts) | UNAVAILABLE       |
 * | 404                                 | JOB_NOT_FOUND     |
 * | another refusal                     | what the job's own error says, else FLINK with the root cause |
 * | an answer that is not Flink's       | PROTOCOL          |
 */
export class RestClient {
  readonly #base: string;
  readonly #authorization: string | undefined;
  readonly #timeoutMs: number;

  constructor({ address, requestTimeoutMs }: RestClientOptions) {
    const url = new URL(address);
    const { username, password } = url;
    this.#authorization =
      username === '' ? undefined : `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
    url.username = '';
    url.password = '';
    this.#base = url.href.replace(/\/+$/, '');
    this.#timeoutMs = requestTimeoutMs;
  }

  /** As given, without a password. */
  get address(): string {
    return this.#base;
  }

  async call<T>(path: string, request: RestRequest = {}): Promise<T> {
    return parse<T>(await this.text(path, request), this.#name(path, request));
  }

  /** As it comes: a log. */
  async text(path: string, request: RestRequest = {}): Promise<string> {
    const { method = 'GET', body, timeoutMs = this.#timeoutMs } = request;
    const what = this.#name(path, request);
    let status: number;
    let text: string;
    try {
      const isForm = body instanceof FormData;
      const headers = {
        ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
        ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      };
      const response = await fetch(`${this.#base}${path}`, {
        ...{ method, headers, signal: AbortSignal.timeout(timeoutMs) },
        ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
      });
      status = response.status;
      text = await response.text();
    } catch (thrown) {
      throw this.#unanswered(thrown, what, timeoutMs);
    }
    if (status >= 200 && status < 300) return text;
    throw refusalOf(status, text, what);
  }

  /** Uploads a file as the form field that Flink expects. */
  async upload<T>(path: string, file: string, name: string, timeoutMs: number): Promise<T> {
    const form = new FormData();
    form.set('jarfile', await openAsBlob(file, { type: 'application/x-java-archive' }), name);
    return this.call<T>(path, { method: 'POST', body: form, timeoutMs });
  }

  #name(path: string, { method = 'GET' }: RestRequest): string {
    return `Flink at ${this.#base}: ${method} ${path}`;
  }

  #unanswered(thrown: unknown, what: string, timeoutMs: number): MillraceError {
    if ((thrown as Error).name === 'TimeoutError')
      return new MillraceError('DEADLINE_EXCEEDED', `${what}: no answer within ${timeoutMs} ms`, { details: { address: this.#base, limitMs: timeoutMs } });
    const { cause } = thrown as Error;
    const reason = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : (thrown as Error).message;
    return new MillraceError(
      'UNAVAILABLE',
      `no Flink cluster answers at ${this.#base} (${reason}); check that its JobManager runs and that this is the address of its REST (rest.address and rest.port, 8081 by default)`,
      { details: { address: this.#base, reason }, cause: thrown },
    );
  }
}

function parse<T>(text: string, what: string): T {
  try {
    return (text === '' ? {} : JSON.parse(text)) as T;
  } catch (thrown) {
    throw new MillraceError('PROTOCOL', `${what}: the answer is not JSON, so this is not Flink's REST; check the address`, { cause: thrown });
  }
}
