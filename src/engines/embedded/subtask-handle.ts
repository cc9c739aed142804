import type { MessagePort } from 'node:worker_threads';
import { deferred } from '../../core/lifecycle.js';
import type { MetricSample } from '../../core/metrics.js';
import type { JobVertex } from '../../stream/job-graph.js';
import { readMetric } from './metrics-block.js';
import type { ChainState, FromSubtask, MetricEntry, ToSubtask } from './protocol.js';

/** The main thread's side of one subtask. */
export class SubtaskHandle {
  running = false;
  /** State of the final cut, once all its inputs have ended. */
  ended: ChainState | undefined;
  closed = false;
  readonly #port: MessagePort;
  readonly #values: Float64Array;
  readonly #entries: MetricEntry[] = [];
  readonly #portClosed = deferred();
  readonly #threadFree = deferred();
  readonly #kill = new AbortController();

  constructor(
    readonly vertex: JobVertex,
    readonly index: number,
    readonly attempt: number,
    port: MessagePort,
    metrics: SharedArrayBuffer,
    onMessage: (handle: SubtaskHandle, message: FromSubtask) => void,
  ) {
    this.#port = port;
    this.#values = new Float64Array(metrics);
    port.on('message', (message: FromSubtask) => {
      if (message.type === 'metric') this.#entries.push(message.metric);
      else onMessage(this, message);
    });
    // Comes behind the last message, also where the thread dies.
    port.once('close', () => this.#portClosed.resolve());
  }

  /** 'map -> sink (subtask 1 of 3)' */
  get name(): string {
    return this.vertex.parallelism === 1 ? this.vertex.name : `${this.vertex.name} (subtask ${this.index + 1} of ${this.vertex.parallelism})`;
  }

  post(message: ToSubtask): void {
    if (!this.closed) this.#port.postMessage(message);
  }

  /** Settles when the subtask has closed or its thread is gone, and all that it said has been heard. */
  readonly whenClosed: Promise<void> = Promise.all([this.#portClosed.promise, this.#threadFree.promise]).then(() => undefined);

  /** Aborts when the thread shall be terminated. */
  get killed(): AbortSignal {
    return this.#kill.signal;
  }

  /** Ends the thread by force: a subtask that does not close by itself. */
  kill(): void {
    this.#kill.abort();
  }

  /** The thread has returned, or has ended. */
  threadFree(): void {
    this.closed = true;
    this.#threadFree.resolve();
  }

  metrics(labels: Readonly<Record<string, string>>): MetricSample[] {
    return this.#entries.map((entry) => readMetric(this.#values, entry, { ...labels, subtask: String(this.index) }));
  }
}
