import { deferred } from '../../core/lifecycle.js';
import type { MetricSample } from '../../core/metrics.js';
import type { JobVertex } from '../../stream/job-graph.js';
import { readMetric } from '../runtime/metrics-block.js';
import type { ChainState, FromSubtask, MetricEntry, ToSubtask } from '../runtime/protocol.js';
import type { StartedSubtask } from './subtask-host.js';

/** The main thread's side of one subtask. */
export class SubtaskHandle {
  running = false;
  /** State of the final cut, once all its inputs have ended. */
  ended: ChainState | undefined;
  closed = false;
  readonly #host: StartedSubtask;
  readonly #values: Float64Array;
  readonly #entries: MetricEntry[] = [];
  readonly #portClosed = deferred();
  readonly #threadFree = deferred();

  constructor(
    readonly vertex: JobVertex,
    readonly index: number,
    readonly attempt: number,
    host: StartedSubtask,
    onMessage: (handle: SubtaskHandle, message: FromSubtask) => void,
  ) {
    this.#host = host;
    this.#values = new Float64Array(host.metrics);
    host.port.on('message', (message: FromSubtask) => {
      if (message.type === 'metric') this.#entries.push(message.metric);
      else onMessage(this, message);
    });
    host.port.once('close', () => this.#portClosed.resolve());
  }

  /** 'map -> sink (subtask 1 of 3)' */
  get name(): string {
    return subtaskName(this.vertex, this.index);
  }

  post(message: ToSubtask): void {
    if (!this.closed) this.#host.port.postMessage(message);
  }

  /** Settles when the subtask has closed or its thread or process is gone, and all that it said has been heard. */
  readonly whenClosed: Promise<void> = Promise.all([this.#portClosed.promise, this.#threadFree.promise]).then(() => undefined);

  /** The process that it runs in; undefined: a thread of this one. */
  get pid(): number | undefined {
    return this.#host.pid;
  }

  /** Ends its thread or process by force: a subtask that does not close by itself. */
  kill(): void {
    this.#host.kill();
  }

  /** Its thread or process is free again, or gone. */
  threadFree(): void {
    this.closed = true;
    this.#threadFree.resolve();
  }

  /** Of a metric; undefined before it was announced. */
  value(metric: string): number | undefined {
    const entry = this.#entries.find(({ name }) => name === metric);
    return entry && this.#values[entry.at];
  }

  metrics(labels: Readonly<Record<string, string>>): MetricSample[] {
    return this.#entries.map((entry) => readMetric(this.#values, entry, { ...labels, subtask: String(this.index) }));
  }
}

export function subtaskName({ name, parallelism }: JobVertex, index: number): string {
  return parallelism === 1 ? name : `${name} (subtask ${index + 1} of ${parallelism})`;
}
