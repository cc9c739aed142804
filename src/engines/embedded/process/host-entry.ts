import { rmSync } from 'node:fs';
import { MessageChannel, Worker } from 'node:worker_threads';
import { encodeError } from '../../../core/index.js';
import { createDoorbell } from '../../../memory/doorbell.js';
import { ownState, transferables } from '../../runtime/chain-state.js';
import { metricsBlockBytes } from '../../runtime/metrics-block.js';
import type { FromSubtask, ToSubtask } from '../../runtime/protocol.js';
import type { SubtaskTask, SubtaskWork } from '../protocol.js';
import { ThreadPool } from '../thread-pool.js';
import type { FromHost, ToHost } from './host-protocol.js';

/**
 * A host process: runs one subtask at a time, on a thread just like those of the main process, and passes messages on.
 *
 * The thread may be in a long native call or stuck; this one is always free, so that metrics, kills and the end of the
 * parent are noticed.
 */
const folder = process.argv[2] as string;
const parent = Number(process.argv[3]);
const metricsEveryMs = 200;
const pool = new ThreadPool(1);
const never = new AbortController().signal;
let tell: ((message: ToSubtask) => void) | undefined;

process.on('message', (message: ToHost) => {
  if (message.type === 'run') void run(message.work, message.name);
  else if (message.type === 'tell') tell?.(message.message);
  else void pool.destroy().finally(() => process.exit(0));
});

// Without the main process a subtask is good for nothing. No exit(): that would wait for a thread in a native call.
process.once('disconnect', () => {
  try {
    // Its neighbours do the same at the same time.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
});

new Worker(new URL('./parent-watch.js', import.meta.url), { workerData: parent, resourceLimits: { maxOldGenerationSizeMb: 16 } }).unref();

// Ctrl-C goes to the whole process group, and a drain needs its workers: the main process says when it is over.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

async function run(work: SubtaskWork, name: string): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const metrics = new MetricsSender();
  tell = (message) => port1.postMessage(message);
  port1.on('message', (message: FromSubtask) => {
    metrics.sees(message);
    say(message);
  });
  const portClosed = new Promise((resolve) => port1.once('close', resolve));
  const restored = ownState(work.restored);
  const task: SubtaskTask = { ...work, restored, doorbell: createDoorbell().memory, metrics: metrics.memory, port: port2 };
  const lost = await pool.run(task, { name, transfer: transferables(restored), signal: never }).then(
    () => undefined,
    (thrown: unknown) => encodeError(thrown, 'THREAD_LOST'),
  );
  await portClosed;
  metrics.stop();
  tell = undefined;
  send(lost === undefined ? { type: 'free' } : { type: 'free', lost });
}

function say(message: FromSubtask): void {
  try {
    send({ type: 'said', message });
  } catch (thrown) {
    // What a thread may hand over, a process may not: shared memory, say.
    send({ type: 'said', message: { type: 'failed', atMs: performance.timeOrigin + performance.now(), error: encodeError(thrown, 'USER_FUNCTION') } });
  }
}

function send(message: FromHost): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** The main process cannot look into this one's memory: values are sent when they have changed, and before a subtask ends. */
class MetricsSender {
  readonly memory = new SharedArrayBuffer(metricsBlockBytes);
  readonly #values = new Float64Array(this.memory);
  readonly #timer = setInterval(() => this.#send(), metricsEveryMs);
  #sent = new Float64Array(0);
  #used = 0;

  sees(message: FromSubtask): void {
    if (message.type === 'metric')
      this.#used = Math.max(this.#used, message.metric.at + (message.metric.buckets === undefined ? 1 : message.metric.buckets.length + 2));
    if (message.type === 'ended' || message.type === 'failed' || message.type === 'closed') this.#send();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #send(): void {
    const now = this.#values.slice(0, this.#used);
    if (now.length === this.#sent.length && now.every((value, i) => Object.is(value, this.#sent[i]))) return;
    this.#sent = now;
    send({ type: 'metrics', values: now });
  }
}
