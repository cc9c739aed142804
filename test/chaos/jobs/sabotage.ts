import { readFileSync, renameSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import type { OperatorNode, SourceSubtask, StreamEnvironment, Subtask } from 'millrace';

const pollMs = 10;

type AnySubtask = Subtask | SourceSubtask;

/** Has every source, sink and node of a graph look for files that tell it to fail. */
export function sabotage(env: StreamEnvironment, folder: string): void {
  const { builder } = env.scope;
  builder.whenBuilt(() => {
    for (const node of allNodes((id) => builder.node(id))) {
      const create = node.create.bind(node);
      const label = node.role ?? (node.name === 'beside' ? 'beside' : node.kind === 'source' || node.kind === 'sink' ? node.kind : undefined);
      if (label === undefined) continue;
      (node as { create: OperatorNode['create'] }).create = () => {
        const subtask = create();
        const open = subtask.open.bind(subtask);
        // What throws while it opens for the first time ends the job at once, as it should: not what is looked for here.
        subtask.open = async (...args) => {
          await open(...args);
          disarm = arm(folder, label, subtask);
        };
        const close = subtask.close?.bind(subtask);
        let disarm: (() => void) | undefined;
        // Its thread may idle, or run something else, while the successor is on another one.
        subtask.close = async (drained) => {
          disarm?.();
          await close?.(drained);
        };
        return subtask;
      };
    }
  });
}

/**
 * What goes wrong on the thread of an operator when a file of its name appears: 'throw', 'exit', 'slow', or 'exit at batch', when
 * the next one is in its hands.
 */
function arm(folder: string, label: string, subtask: AnySubtask): () => void {
  const path = `${folder}/${label}`;
  const timer = setInterval(() => {
    const mine = `${path}.${process.pid}.${threadId}.${Date.now()}`;
    try {
      // Of several nodes of a role, the one that takes the file away is the one that fails.
      renameSync(path, mine);
    } catch {
      return;
    }
    const fault = readFileSync(mine, 'utf8');
    if (fault === 'exit') process.exit(9);
    if (fault === 'exit at batch') (subtask as Partial<Subtask>).process = () => process.exit(9);
    else if (fault === 'slow') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
    else throw new Error(`sabotage of ${label}`);
  }, pollMs).unref();
  return () => clearInterval(timer);
}

function* allNodes(node: (id: number) => OperatorNode): Generator<OperatorNode> {
  for (let id = 0; ; id++) {
    try {
      yield node(id);
    } catch {
      return;
    }
  }
}
