import { encodeError } from '../../core/index.js';
import { planAgain } from '../runtime/plan-again.js';
import type { FromSubtask, ToSubtask } from '../runtime/protocol.js';
import type { SubtaskTask } from './protocol.js';
import { startSubtask } from './start-subtask.js';

/** Errors outside any call (a stray promise, a timer callback) belong to the subtask that runs on this thread. */
let onStray: ((error: unknown) => void) | undefined;
process.on('uncaughtException', (error) => onStray?.(error));
process.on('unhandledRejection', (error) => onStray?.(error));

/**
 * The one function that pool threads run: one subtask from its deployment until it has closed. All that it has to say
 * goes through the port; the task itself neither returns a value nor fails.
 */
export default async function runSubtask(task: SubtaskTask): Promise<void> {
  const { port } = task;
  const post = (message: FromSubtask, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  const failed = (error: unknown): void =>
    post({ type: 'failed', atMs: performance.timeOrigin + performance.now(), error: encodeError(error, 'USER_FUNCTION') });
  onStray = failed;
  let close: (() => void) | undefined;
  // Messages may come before the subtask is there: the handler queues them until then.
  const early: ToSubtask[] = [];
  let handle = (message: ToSubtask): void => void early.push(message);
  port.on('message', (message: ToSubtask) => handle(message));
  try {
    const graph = await planAgain(task.job);
    const started = startSubtask(task, graph, post);
    const { runner, open } = started;
    close = started.close;
    onStray = (error) => runner.fail(error, runner.head);
    handle = (message) => runner.handle(message);
    for (const message of early) runner.handle(message);
    if (await open()) post({ type: 'running' });
    await runner.run();
  } catch (thrown) {
    failed(thrown);
    post({ type: 'closed' });
  } finally {
    onStray = undefined;
    close?.();
    port.close();
  }
}
