import { parentPort } from 'node:worker_threads';
import { FlinkSubtask } from './flink-subtask.js';
import { HostRings } from './host-rings.js';
import type { FromThread, ToThread } from './thread-protocol.js';

/** A thread of the host: runs one subtask after the other, as the host says. All that a subtask has to say to Java goes through its socket. */
let subtask: FlinkSubtask | undefined;
let running: { readonly path: string; readonly rings: HostRings } | undefined;

// Errors outside any call (a stray promise, a timer callback) belong to the subtask that runs on this thread.
process.on('uncaughtException', (error) => subtask?.stray(error));
process.on('unhandledRejection', (error) => subtask?.stray(error));

parentPort?.on('message', (message: ToThread) => {
  if (message.type === 'run') void run(message.path);
  else if (message.path === running?.path) running.rings.hear(message);
});

async function run(path: string): Promise<void> {
  const rings = new HostRings(say);
  running = { path, rings };
  subtask = new FlinkSubtask(path, rings);
  await subtask.done;
  subtask = running = undefined;
  say({ type: 'free' });
}

function say(message: FromThread): void {
  parentPort?.postMessage(message);
}
