import { MessageChannel } from 'node:worker_threads';
import type { DoorbellMemory } from '../../memory/doorbell.js';
import type { Isolation } from '../../stream/graph.js';
import { transferables } from '../runtime/chain-state.js';
import { metricsBlockBytes } from '../runtime/metrics-block.js';
import { ProcessPool } from './process/process-pool.js';
import type { FromSubtask, ToSubtask } from '../runtime/protocol.js';
import type { SubtaskWork } from './protocol.js';
import { ThreadPool } from './thread-pool.js';

/** What a subtask is talked to through, wherever it runs. */
export interface SubtaskPort {
  postMessage(message: ToSubtask): void;
  on(event: 'message', listener: (message: FromSubtask) => void): unknown;
  /** Behind the last message, also where the thread or process dies. */
  once(event: 'close', listener: () => void): unknown;
}

/** A subtask that has been given to a thread or process. */
export interface StartedSubtask {
  readonly port: SubtaskPort;
  /** Of the main process; see MetricsBlock. */
  readonly metrics: SharedArrayBuffer;
  /** undefined for a thread of this process. */
  readonly pid: number | undefined;
  /** Settles when its thread or process is free again or gone; rejects with THREAD_LOST where it ended before it had closed. */
  readonly done: Promise<void>;
  /** Ends its thread or process, whatever that is doing. */
  kill(): void;
}

export interface SubtaskPlace {
  readonly name: string;
  readonly role: string | undefined;
  readonly isolation: Isolation;
  /** Of a thread; a process has its own. */
  readonly doorbell: DoorbellMemory;
}

/** The threads and processes of one job. */
export class SubtaskHosts {
  readonly #threads: ThreadPool;
  readonly #processes = new ProcessPool();

  constructor(maxThreads: number) {
    this.#threads = new ThreadPool(maxThreads);
  }

  /** Where sockets between processes lie. @throws IO_FAILED, DISK_FULL */
  get socketFolder(): string {
    return this.#processes.folder;
  }

  start(work: SubtaskWork, place: SubtaskPlace): StartedSubtask {
    return place.isolation === 'process' ? this.#processes.run(work, place) : this.#startThread(work, place);
  }

  /** Ends every thread and process, also one that is stuck in a loop. */
  async destroy(): Promise<void> {
    await Promise.all([this.#threads.destroy(), this.#processes.destroy()]);
  }

  #startThread(work: SubtaskWork, { name, doorbell }: SubtaskPlace): StartedSubtask {
    const { port1, port2 } = new MessageChannel();
    const metrics = new SharedArrayBuffer(metricsBlockBytes);
    const killed = new AbortController();
    const task = { ...work, doorbell, metrics, port: port2 };
    const done = this.#threads.run(task, { name, transfer: transferables(work.restored), signal: killed.signal });
    return { port: port1, metrics, pid: undefined, done, kill: () => killed.abort() };
  }
}
