import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { MillraceError } from '../../core/errors.js';
import { raiseHeapFloor } from '../runtime/thread-heap.js';
import type { SubtaskTask } from './protocol.js';

/** Threads of one job: one subtask at a time each, reused from deployment to deployment. */
export class ThreadPool {
  readonly #pool: Piscina<SubtaskTask, void>;
  #closing = false;

  constructor(maxThreads: number) {
    raiseHeapFloor();
    this.#pool = new Piscina<SubtaskTask, void>({
      filename: fileURLToPath(new URL('./thread-entry.js', import.meta.url)),
      minThreads: 0,
      maxThreads,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: 1,
      // The default freezes a thread between tasks, and with it timers and gRPC.
      atomics: 'disabled',
      // TensorFlow opens and closes files by itself; Node would warn of each that it did not see opened.
      trackUnmanagedFds: false,
      recordTiming: false,
    });
    // A thread that dies rejects its task; there is no more to learn from the pool's own event.
    this.#pool.on('error', () => undefined);
  }

  /**
   * Runs a subtask until it has closed. The signal terminates its thread, whatever that is doing.
   * @throws THREAD_LOST where the thread ends before that
   */
  async run(task: SubtaskTask, { name, transfer, signal }: { name: string; transfer: readonly ArrayBuffer[]; signal: AbortSignal }): Promise<void> {
    try {
      await this.#pool.run(task, { transferList: [task.port, ...transfer], signal });
    } catch (thrown) {
      // Where the subtask never got a thread nobody else closes its port; elsewhere this does nothing.
      task.port.close();
      if (this.#closing) return;
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      throw new MillraceError('THREAD_LOST', `${name}: its thread ended without a report: ${text}`, { cause: thrown, details: { subtask: name } });
    }
  }

  /** Terminates every thread, also one that is stuck in a loop. */
  async destroy(): Promise<void> {
    this.#closing = true;
    await this.#pool.destroy();
  }
}
