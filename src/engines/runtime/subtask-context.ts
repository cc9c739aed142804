import { createLogger, systemClock, type Logger } from '../../core/index.js';
import type { OperatorNode } from '../../stream/graph.js';
import type { InputLane, SubtaskContext } from '../../stream/subtask.js';
import { keyGroupRange } from '../../stream/state/key-groups.js';
import type { MetricsBlock } from './metrics-block.js';
import { operatorError } from './operator-error.js';
import type { OperatorDriver } from './operator-driver.js';
import type { FromSubtask, SubtaskPlacement } from './protocol.js';
import type { RendezvousClient } from './rendezvous.js';
import type { SubtaskRunner } from './subtask-runner.js';

export interface ContextParts {
  readonly task: SubtaskPlacement;
  readonly parallelism: number;
  readonly parallelismOf: (uid: string) => number;
  readonly metrics: MetricsBlock;
  readonly rendezvous: RendezvousClient;
  readonly signal: AbortSignal;
  readonly runner: SubtaskRunner;
  readonly post: (message: FromSubtask) => void;
  readonly lane?: InputLane | undefined;
}

/** Makes what one operator of the chain knows about its place. */
export function subtaskContext(driver: OperatorDriver, parts: ContextParts): SubtaskContext {
  const { task, parallelism, runner, post } = parts;
  const { node } = driver;
  return {
    job: { name: task.job.name, id: task.job.id },
    operator: { uid: node.uid, name: node.name },
    index: task.index,
    parallelism,
    parallelismOf: parts.parallelismOf,
    host: task.host ?? '127.0.0.1',
    attempt: task.attempt,
    predecessorMayLive: task.predecessorMayLive,
    isRestored: Object.hasOwn(task.restored, node.uid),
    hasEnded: (uid) => task.ended.includes(uid),
    keyGroups: parallelism <= task.job.keyGroups ? keyGroupRange(task.index, parallelism, task.job.keyGroups) : { from: 0, to: 0, total: task.job.keyGroups },
    output: (tag) => driver.outputs.output(tag),
    clock: systemClock,
    log: subtaskLogger(node, task, post),
    metrics: parts.metrics.group(operatorLabels(node)),
    signal: parts.signal,
    setProcessingTimer(timeMs) {
      driver.timerAt = Math.min(driver.timerAt, timeMs);
      runner.touched();
    },
    wake: () => runner.wake(),
    fail: (error) => runner.fail(operatorError(error, node, task.index, parallelism), node),
    rendezvous: parts.rendezvous,
    lane: parts.lane,
    report: (channel, value) => post({ type: 'report', uid: node.uid, channel, value }),
  };
}

export function operatorLabels(node: OperatorNode): Readonly<Record<string, string>> {
  return { operator: node.name, uid: node.uid, ...(node.role === undefined ? {} : { role: node.role }) };
}

function subtaskLogger(node: OperatorNode, task: SubtaskPlacement, post: (message: FromSubtask) => void): Logger {
  return createLogger((record) => post({ type: 'log', record }), { operator: node.name, subtask: task.index });
}
