import { Worker } from 'node:worker_threads';
import { MillraceError } from '../../../core/errors.js';
import { raiseHeapFloor } from '../../runtime/thread-heap.js';
import { RingBroker } from './ring-broker.js';
import { reportLost } from './report-lost.js';
import type { FromThread, ToThread } from './thread-protocol.js';

interface Place {
  /** Socket of the subtask that runs there; undefined: idle. */
  path: string | undefined;
  /** Name of the subtask that runs there, or ran there last. */
  subtask: string;
}

interface Thread extends Place {
  readonly worker: Worker;
}

/**
 * The threads of a host: one subtask at a time each, used again, so that modules and native libraries are loaded once.
 *
 * A thread that ends (out of memory, process.exit() in a user's function) takes its socket along: that tells Java. Why it ended
 * is said here.
 */
export class SubtaskThreads {
  readonly #threads = new Set<Thread>();
  readonly #rings = new RingBroker();
  readonly #say: (line: string) => void;

  /** @param say gets one line on each thread that ended by itself */
  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** True where no subtask runs. */
  get isIdle(): boolean {
    return [...this.#threads].every(({ path }) => path === undefined);
  }

  /** @param subtask its name, the same in each attempt: its last thread has loaded what it needs */
  run(path: string, subtask: string): void {
    const thread = idlePlace([...this.#threads], subtask) ?? this.#start();
    Object.assign(thread, { path, subtask });
    thread.worker.postMessage({ type: 'run', path } satisfies ToThread);
  }

  #start(): Thread {
    raiseHeapFloor();
    const worker = new Worker(new URL('./subtask-entry.js', import.meta.url), { trackUnmanagedFds: false });
    const thread: Thread = { worker, path: undefined, subtask: '' };
    this.#threads.add(thread);
    let why = '';
    worker.on('message', (message: FromThread) => this.#hear(thread, message));
    worker.on('error', (error: Error) => (why = `: ${error.message}`));
    worker.once('exit', (code) => {
      this.#threads.delete(thread);
      if (thread.path === undefined) return;
      this.#rings.ended(thread.path);
      const error = new MillraceError('THREAD_LOST', `the thread of subtask ${thread.path} ended with exit code ${code}${why}`);
      this.#say(`${error.code}: ${error.message}`);
      void reportLost(thread.path, error);
    });
    return thread;
  }

  #hear(thread: Thread, message: FromThread): void {
    const { worker, path } = thread;
    if (path === undefined) return;
    switch (message.type) {
      case 'free':
        thread.path = undefined;
        this.#rings.ended(path);
        break;
      case 'placed':
        this.#rings.placed(path, message.placed, (answer) => worker.postMessage(answer));
        break;
      case 'reads':
        this.#rings.reads(message.rings);
        break;
    }
  }
}

/** The one that the subtask had before, else any that nobody has. */
export function idlePlace<P extends Place>(places: readonly P[], subtask: string): P | undefined {
  const idle = places.filter(({ path }) => path === undefined);
  return idle.find((own) => own.subtask === subtask) ?? idle[0];
}
