import { encodeError, MillraceError } from '../../core/index.js';
import { formatGraphDifference, planJob } from '../../stream/planner/index.js';
import { buildGraph } from '../../stream/job.js';
import type { JobGraph } from '../../stream/job-graph.js';
import type { ChannelEnds } from './channel-ends.js';
import { loadJob } from '../runtime/load-job.js';
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
  let ends: ChannelEnds | undefined;
  // Messages may come before the subtask is there: the handler queues them until then.
  const early: ToSubtask[] = [];
  let handle = (message: ToSubtask): void => void early.push(message);
  port.on('message', (message: ToSubtask) => handle(message));
  try {
    const graph = await planned(task);
    const started = startSubtask(task, graph, post);
    const { runner, open } = started;
    ends = started.ends;
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
    ends?.close();
    port.close();
  }
}

let cached: { readonly key: string; readonly graph: JobGraph } | undefined;

/** Builds the graph again and holds it against the main thread's. */
async function planned(task: SubtaskTask): Promise<JobGraph> {
  const { job } = task;
  const key = `${job.bundle.path} ${job.fingerprint}`;
  if (cached?.key === key) return cached.graph;
  const definition = await loadJob(job.bundle);
  const graph = planJob(buildGraph(definition, job.params), { parallelism: job.parallelism, keyGroups: job.keyGroups, overrides: job.overrides });
  if (graph.fingerprint !== job.fingerprint) {
    const difference = formatGraphDifference(job.description, graph) ?? 'the plans differ';
    throw new MillraceError(
      'GRAPH_DIFFERS',
      `job ${job.name}: a thread built another graph than the first one: ${difference}; build() must not use clocks, random numbers or anything that changes between calls`,
    );
  }
  return (cached = { key, graph }).graph;
}
