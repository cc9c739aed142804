/** The job of bench/recovery.ts: a stream without end is trained on by two workers and a parameter server, whose threads can be ended. */
import { BroadcastChannel } from 'node:worker_threads';
import { defineJob, jsonl, t, type OperatorNode } from 'millrace';
import { smallBatches, smallModel, smallRows, smallTraining } from './small-model.js';

/** A thread that runs this role ends when its name is said here. */
export const deathChannel = 'millrace-bench-recovery';

export default defineJob({
  name: 'bench-recovery',
  params: { output: t.string() },
  restart: { strategy: 'fixedDelay', attempts: 1_000, delay: 0 },
  build({ source, env, params }) {
    const training = source(smallRows, smallBatches).train(smallModel, smallTraining);
    training.predictions.select('n').to(jsonl(`${params.output}/predictions.jsonl`, { flushMs: 20 }));
    env.scope.builder.whenBuilt(() => {
      for (let id = 0; ; id++) {
        try {
          arm(env.scope.builder.node(id));
        } catch {
          return;
        }
      }
    });
  },
});

function arm(node: OperatorNode): void {
  if (node.role !== 'worker' && node.role !== 'ps') return;
  const create = node.create.bind(node);
  (node as { create: OperatorNode['create'] }).create = () => {
    const subtask = create();
    const open = subtask.open.bind(subtask);
    subtask.open = (context, restored) => {
      if (context.index === 0) {
        const channel = die(node.role!);
        // A thread that is reused for another subtask must not end for this one.
        context.signal.addEventListener('abort', () => channel.close());
      }
      return open(context, restored);
    };
    return subtask;
  };
}

/** Ends this thread when its role is named. */
function die(role: string): BroadcastChannel {
  const channel = new BroadcastChannel(deathChannel);
  channel.unref();
  channel.onmessage = ({ data }: { readonly data?: unknown }) => {
    if (data === role) process.exit(9);
  };
  return channel;
}
