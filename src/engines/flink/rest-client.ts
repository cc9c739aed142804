import { openAsBlob } from 'node:fs';
import { MillraceError } from '../../core/errors.js';
import { refusalOf } from './flink-failure.js';
import { HttpCaller, type HttpAnswer } from './http-call.js';
import { readTlsFiles, type TlsFiles } from './tls-identity.js';
import { tlsProblem } from './tls-problem.js';

export interface RestClientOptions extends TlsFiles {
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
 * | nobody answers, or not by our TLS   | UNAVAILABLE       |
 * | no answer in time                   | DEADLINE_EXCEEDED |
 * | 503, 502, 504 (a JobManager starts) | UNAVAILABLE       |
 * | 404                                 | JOB_NOT_FOUND     |
 * | another refusal                     | what the job's own error says, else FLINK with the root cause |
 * | an answer that is not Flink's       | PROTOCOL          |
 */
export class RestClient {
  readonly #base: string;
  readonly #http: HttpCaller;
  readonly #authorization: string | undefined;
  readonly #timeoutMs: number;

  /** @throws FILE_NOT_FOUND, IO_FAILED, OPTION_INVALID for files of TLS */
  constructor({ address, requestTimeoutMs, ...files }: RestClientOptions) {
    const url = new URL(address);
    const { username, password } = url;
    this.#authorization =
      username === '' ? undefined : `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
    url.username = '';
    url.password = '';
    this.#base = url.href.replace(/\/+$/, '');
    this.#http = new HttpCaller(this.#base, readTlsFiles(files));
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
    const isForm = body instanceof FormData;
    const headers = {
      ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
      ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
    };
    let answer: HttpAnswer;
    try {
      answer = await this.#http.call(path, { method, headers, body: body === undefined || isForm ? body : JSON.stringify(body), timeoutMs });
    } catch (thrown) {
      throw this.#unanswered(thrown as NodeJS.ErrnoException, what, timeoutMs);
    }
    const { status, text, location } = answer;
    if (status >= 200 && status < 300) return text;
    if (location !== undefined) throw this.#redirected(status, location);
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

  #unanswered(error: NodeJS.ErrnoException, what: string, timeoutMs: number): MillraceError {
    const address = this.#base;
    if (error.name === 'AbortError')
      return new MillraceError('DEADLINE_EXCEEDED', `${what}: no answer within ${timeoutMs} ms`, { details: { address, limitMs: timeoutMs } });
    const reason = error.code ?? error.message;
    const problem = tlsProblem(error);
    const text =
      problem === undefined
        ? `no Flink cluster answers at ${address} (${reason}); check that its JobManager runs and that this is the address of its REST (rest.address and rest.port, 8081 by default)`
        : `no connection with Flink at ${address}: ${problem.reason}; ${problem.fix}`;
    return new MillraceError('UNAVAILABLE', text, { details: { address, reason }, cause: error });
  }

  /** What answers by TLS alone sends there whoever comes without; a proxy may send to its page for a login. */
  #redirected(status: number, location: string): MillraceError {
    const text = `Flink at ${this.#base} answers elsewhere (status ${status}): ${location}; give that address, with https:// where it has that`;
    return new MillraceError('UNAVAILABLE', text, { details: { address: this.#base, location } });
  }
}

function parse<T>(text: string, what: string): T {
  try {
    return (text === '' ? {} : JSON.parse(text)) as T;
  } catch (thrown) {
    throw new MillraceError('PROTOCOL', `${what}: the answer is not JSON, so this is not Flink's REST; check the address`, { cause: thrown });
  }
}
