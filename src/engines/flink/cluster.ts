import { basename } from 'node:path';
import { MillraceError } from '../../core/errors.js';
import { failureOf } from './flink-failure.js';
import type { ResolvedFlinkEngineOptions } from './options.js';
import { pause } from './pause.js';
import { RestClient } from './rest-client.js';

export type FlinkJobState =
  'INITIALIZING' | 'CREATED' | 'RUNNING' | 'FAILING' | 'FAILED' | 'CANCELLING' | 'CANCELED' | 'FINISHED' | 'RESTARTING' | 'SUSPENDED' | 'RECONCILING';

/** GET /jobs/:id, as far as it is used. */
export interface FlinkJobDetails {
  readonly jid: string;
  readonly name: string;
  readonly state: FlinkJobState;
  readonly 'start-time': number;
  readonly duration: number;
  readonly vertices: readonly FlinkVertexDetails[];
}

export interface FlinkVertexDetails {
  readonly id: string;
  readonly name: string;
  readonly parallelism: number;
  /** Subtasks by state. */
  readonly tasks: Readonly<Record<string, number>>;
  readonly metrics: Readonly<Record<string, number | boolean | undefined>>;
}

/** One cut in GET /jobs/:id/checkpoints. */
export interface FlinkCheckpoint {
  readonly id: number;
  readonly is_savepoint: boolean;
  readonly trigger_timestamp: number;
  readonly end_to_end_duration: number;
  readonly state_size: number;
  readonly external_path?: string;
  readonly failure_message?: string | null;
}

export interface FlinkCheckpoints {
  readonly counts: { readonly completed: number; readonly failed: number };
  readonly latest: { readonly completed: FlinkCheckpoint | null; readonly savepoint: FlinkCheckpoint | null; readonly failed: FlinkCheckpoint | null };
}

export interface FlinkException {
  readonly stacktrace: string;
  readonly timestamp: number;
  readonly taskName?: string | null;
  readonly concurrentExceptions?: readonly FlinkException[];
}

/** Of one metric over subtasks; NaN where Flink has no number. */
export interface MetricAggregate {
  readonly sum: number;
  readonly avg: number;
  readonly min: number;
}

export interface RunRequest {
  readonly jar: string;
  /** Under which the jar is uploaded. */
  readonly jarName: string;
  readonly entryClass: string;
  readonly savepoint?: { readonly path: string; readonly claim: boolean; readonly allowDroppedState: boolean };
}

/** GET /taskmanagers/:id, as far as it is used. */
interface TaskManagerSlots {
  readonly slotsNumber: number;
  readonly freeSlots: number;
  readonly allocatedSlots?: readonly { readonly jobId: string }[];
}

const operationPollMs = 200;

/** What Millrace asks of a Flink cluster, by REST. */
export class FlinkCluster {
  readonly #rest: RestClient;
  readonly #options: ResolvedFlinkEngineOptions;

  constructor(options: ResolvedFlinkEngineOptions) {
    this.#options = options;
    this.#rest = new RestClient(options);
  }

  get address(): string {
    return this.#rest.address;
  }

  /** @throws UNSUPPORTED for a version that the bridge cannot run on */
  async checkVersion(): Promise<string> {
    const { 'flink-version': version } = await this.#rest.call<{ readonly 'flink-version'?: string }>('/config');
    if (version === undefined) throw new MillraceError('PROTOCOL', `${this.address} does not say that it is Flink; check the address`);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < 1 || major > 2 || (major === 1 && minor < 20))
      throw new MillraceError('UNSUPPORTED', `Flink at ${this.address} is version ${version}; Millrace runs on 1.20 and 2.x`, { details: { version } });
    return version;
  }

  /** Slots of the whole cluster; free for a job are those that it holds itself, too. */
  async slots(job: string): Promise<{ readonly total: number; readonly free: number; readonly taskManagers: number }> {
    const ids = await this.taskManagers();
    const found = await Promise.all(ids.map((id) => this.#rest.call<TaskManagerSlots>(`/taskmanagers/${encodeURIComponent(id)}`)));
    const own = ({ allocatedSlots = [] }: TaskManagerSlots): number => allocatedSlots.filter(({ jobId }) => jobId === job).length;
    return {
      total: found.reduce((sum, { slotsNumber }) => sum + slotsNumber, 0),
      free: found.reduce((sum, each) => sum + each.freeSlots + own(each), 0),
      taskManagers: ids.length,
    };
  }

  /** The JobManager's configuration. */
  async configuration(): Promise<ReadonlyMap<string, string>> {
    const entries = await this.#rest.call<readonly { readonly key: string; readonly value: string }[]>('/jobmanager/config');
    return new Map(entries.map(({ key, value }) => [key, value]));
  }

  /** Uploads a jar, runs it, and removes it again: the job has its own copy. @returns Flink's id of the job */
  async run({ jar, jarName, entryClass, savepoint }: RunRequest): Promise<string> {
    const { submitTimeoutMs } = this.#options;
    const { filename } = await this.#rest.upload<{ readonly filename: string }>('/jars/upload', jar, jarName, submitTimeoutMs);
    const path = `/jars/${encodeURIComponent(basename(filename))}`;
    try {
      const body = {
        entryClass,
        ...(savepoint === undefined
          ? {}
          : { savepointPath: savepoint.path, claimMode: savepoint.claim ? 'CLAIM' : 'NO_CLAIM', allowNonRestoredState: savepoint.allowDroppedState }),
      };
      return (await this.#rest.call<{ readonly jobid: string }>(`${path}/run`, { method: 'POST', body, timeoutMs: submitTimeoutMs })).jobid;
    } finally {
      await this.#rest.call(path, { method: 'DELETE' }).catch(() => undefined);
    }
  }

  async jobs(): Promise<readonly { readonly jid: string; readonly name: string; readonly state: FlinkJobState; readonly 'start-time': number }[]> {
    return (await this.#rest.call<{ readonly jobs: Awaited<ReturnType<FlinkCluster['jobs']>> }>('/jobs/overview')).jobs;
  }

  job(id: string): Promise<FlinkJobDetails> {
    return this.#rest.call<FlinkJobDetails>(`/jobs/${id}`);
  }

  checkpoints(id: string): Promise<FlinkCheckpoints> {
    return this.#rest.call<FlinkCheckpoints>(`/jobs/${id}/checkpoints`);
  }

  /** Newest failure first. */
  async exceptions(id: string): Promise<readonly FlinkException[]> {
    const { exceptionHistory } = await this.#rest.call<{ readonly exceptionHistory?: { readonly entries?: readonly FlinkException[] } }>(
      `/jobs/${id}/exceptions?maxExceptions=20`,
    );
    return [...(exceptionHistory?.entries ?? [])].sort((a, b) => b.timestamp - a.timestamp);
  }

  /**
   * How often Flink has restarted the job or a part of it. Its own count is a metric, and those stand still while a TaskManager
   * does not answer; its list of failures does not, but has only the newest of them.
   */
  async restarts(id: string): Promise<number> {
    const [[metric], failures] = await Promise.all([
      this.#rest.call<readonly { readonly value?: string }[]>(`/jobs/${id}/metrics?get=numRestarts`),
      this.exceptions(id),
    ]);
    return Math.max(Number(metric?.value ?? 0), failures.length);
  }

  /** Names of the metrics that the subtasks of a vertex have. */
  async metricNames(id: string, vertex: string): Promise<readonly string[]> {
    const found = await this.#rest.call<readonly { readonly id: string }[]>(`/jobs/${id}/vertices/${vertex}/subtasks/metrics`);
    return found.map((metric) => metric.id);
  }

  /** Metrics of a vertex over all of its subtasks. */
  async metricValues(id: string, vertex: string, names: readonly string[]): Promise<ReadonlyMap<string, MetricAggregate>> {
    const path = `/jobs/${id}/vertices/${vertex}/subtasks/metrics?agg=sum,avg,min&get=`;
    const answers = await Promise.all(queries(names).map((query) => this.#rest.call<readonly ({ readonly id: string } & MetricAggregate)[]>(path + query)));
    return new Map(answers.flat().map(({ id: name, ...values }) => [name, values]));
  }

  /** @returns path of the savepoint @throws CUT_FAILED */
  savepoint(id: string, directory: string | undefined): Promise<string> {
    return this.#operation(id, 'savepoint', `/jobs/${id}/savepoints`, { 'cancel-job': false, ...target('target-directory', directory) });
  }

  /** Takes a savepoint and ends the job; `drain` brings event time to its end before. @returns path of the savepoint @throws CUT_FAILED */
  stop(id: string, drain: boolean, directory: string | undefined): Promise<string> {
    return this.#operation(id, 'stop', `/jobs/${id}/stop`, { drain, ...target('targetDirectory', directory) });
  }

  async cancel(id: string): Promise<void> {
    await this.#rest.call(`/jobs/${id}?mode=cancel`, { method: 'PATCH' });
  }

  async taskManagers(): Promise<readonly string[]> {
    const { taskmanagers } = await this.#rest.call<{ readonly taskmanagers: readonly { readonly id: string }[] }>('/taskmanagers');
    return taskmanagers.map(({ id }) => id);
  }

  taskManagerLog(taskManager: string): Promise<string> {
    return this.#rest.text(`/taskmanagers/${encodeURIComponent(taskManager)}/log`);
  }

  /** Flink answers with a number at once and with the outcome later. */
  async #operation(id: string, what: string, path: string, body: object): Promise<string> {
    const { savepointTimeoutMs } = this.#options;
    const deadline = Date.now() + savepointTimeoutMs;
    const { 'request-id': request } = await this.#rest.call<{ readonly 'request-id': string }>(path, { method: 'POST', body });
    for (;;) {
      const { status, operation } = await this.#rest.call<SavepointStatus>(`/jobs/${id}/savepoints/${request}`);
      if (status.id === 'COMPLETED') return outcome(operation, what);
      if (Date.now() > deadline)
        throw new MillraceError(
          'DEADLINE_EXCEEDED',
          `${what} of job ${id} on Flink: not done within ${savepointTimeoutMs} ms; raise the engine's savepointTimeoutMs`,
          {
            details: { limitMs: savepointTimeoutMs },
          },
        );
      await pause(operationPollMs);
    }
  }
}

/** Flink reads no first line of a request that is longer than 4 KiB. */
const maxQueryChars = 3_000;

function queries(names: readonly string[]): string[] {
  const made: string[] = [];
  for (const name of names.map(encodeURIComponent)) {
    const last = made.at(-1);
    if (last === undefined || last.length + name.length > maxQueryChars) made.push(name);
    else made[made.length - 1] = `${last},${name}`;
  }
  return made;
}

interface SavepointStatus {
  readonly status: { readonly id: 'IN_PROGRESS' | 'COMPLETED' };
  readonly operation?: { readonly location?: string; readonly 'failure-cause'?: { readonly 'stack-trace': string } };
}

function outcome(operation: SavepointStatus['operation'], what: string): string {
  const failure = operation?.['failure-cause'];
  if (failure !== undefined) {
    const cause = failureOf(failure['stack-trace'], what);
    throw cause.code === 'FLINK' ? new MillraceError('CUT_FAILED', cause.message, { cause }) : cause;
  }
  if (operation?.location === undefined) throw new MillraceError('PROTOCOL', `${what}: Flink does not say where the savepoint is`);
  return operation.location;
}

function target(key: string, directory: string | undefined): object {
  return directory === undefined ? {} : { [key]: directory };
}
