import { parentPort } from 'node:worker_threads';
import { FlinkSubtask } from './flink-subtask.js';
import type { FromThread, ToThread } from './thread-protocol.js';

/** A thread of the host: runs one subtask after the other, as the host says. All that a subtask has to say goes through its socket. */
let subtask: FlinkSubtask | undefined;

// Errors outside any call (a stray promise, a timer callback) belong to the subtask that runs on this thread.
process.on('uncaughtException', (error) => subtask?.stray(error));
process.on('unhandledRejection', (error) => subtask?.stray(error));

parentPort?.on('message', ({ path }: ToThread) => void run(path));

async function run(path: string): Promise<void> {
  subtask = new FlinkSubtask(path);
  await subtask.done;
  subtask = undefined;
  parentPort?.postMessage({ type: 'free' } satisfies FromThread);
}
