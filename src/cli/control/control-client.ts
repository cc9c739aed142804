import { request as httpRequest } from 'node:http';
import { decodeError, MillraceError, type EncodedError } from '../../core/index.js';
import type { CheckpointInfo } from '../../stream/checkpoint.js';
import type { JobStatus, JobSummary } from '../../stream/engine.js';
import type { JobEntry } from './directory.js';

// A drain or a redeployment waits for the job's own deadlines; these only bound a process that hangs.
const shortCallMs = 10_000;
const longCallMs = 10 * 60_000;

/** What commands do with a running job, wherever it runs. */
export interface JobControl {
  status(): Promise<JobStatus>;
  scale(target: string, parallelism: number): Promise<void>;
  stop(): Promise<JobSummary>;
  /** Takes a savepoint, in the job's own place or at `target`. */
  savepoint(target?: string): Promise<CheckpointInfo>;
  suspend(target?: string): Promise<JobSummary>;
  cancel(): Promise<void>;
}

/** Calls a running job through its control socket. @throws UNAVAILABLE, DEADLINE_EXCEEDED, or what the job answered */
export class ControlClient implements JobControl {
  readonly #entry: JobEntry;

  constructor(entry: JobEntry) {
    this.#entry = entry;
  }

  status(): Promise<JobStatus> {
    return this.#call<JobStatus>('GET', '/status', undefined, shortCallMs);
  }

  async scale(target: string, parallelism: number): Promise<void> {
    await this.#call('POST', '/scale', { target, parallelism }, longCallMs);
  }

  stop(): Promise<JobSummary> {
    return this.#call<JobSummary>('POST', '/stop', undefined, longCallMs);
  }

  savepoint(target?: string): Promise<CheckpointInfo> {
    return this.#call<CheckpointInfo>('POST', '/savepoint', target === undefined ? {} : { target }, longCallMs);
  }

  suspend(target?: string): Promise<JobSummary> {
    return this.#call<JobSummary>('POST', '/suspend', target === undefined ? {} : { target }, longCallMs);
  }

  async cancel(): Promise<void> {
    await this.#call('POST', '/cancel', undefined, shortCallMs);
  }

  #call<T>(method: string, path: string, body: unknown, limitMs: number): Promise<T> {
    const { name, id, socket } = this.#entry;
    return new Promise<T>((resolve, reject) => {
      const request = httpRequest({ ...(socket === undefined ? {} : { socketPath: socket }), method, path, timeout: limitMs }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const answer = JSON.parse(Buffer.concat(chunks).toString('utf8')) as T & { error?: EncodedError };
          if (response.statusCode === 200) resolve(answer);
          else
            reject(
              answer.error === undefined
                ? new MillraceError('PROTOCOL', `job ${name} (${id}) answered ${response.statusCode ?? '?'}`)
                : decodeError(answer.error),
            );
        });
      });
      request.on('timeout', () =>
        request.destroy(new MillraceError('DEADLINE_EXCEEDED', `job ${name} (${id}): no answer to ${path} within ${limitMs} ms; see millrace logs ${id}`)),
      );
      request.on('error', (thrown) => {
        reject(MillraceError.from(thrown, 'UNAVAILABLE', `job ${name} (${id}) cannot be reached`));
      });
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
