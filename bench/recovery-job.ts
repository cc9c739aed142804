/** The job of bench/recovery.ts: a stream without end is trained on by two workers and a parameter server, whose threads can be ended. */
import { BroadcastChannel } from 'node:worker_threads';
import { adam, concat, defineJob, defineModel, dense, generator, jsonl, numeric, t, type OperatorNode } from 'millrace';

/** A thread that runs this role ends when its name is said here. */
export const deathChannel = 'millrace-bench-recovery';

const model = defineModel({
  name: 'small',
  inputs: { x: numeric(), z: numeric() },
  label: { y: t.bool() },
  build: ({ x, z }) => ({ guess: dense(1, 'sigmoid', dense(32, 'relu', concat([x, z]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.01),
});

export default defineJob({
  name: 'bench-recovery',
  params: { output: t.string() },
  restart: { strategy: 'fixedDelay', attempts: 1_000, delay: 0 },
  build({ source, env, params }) {
    const rows = source(
      generator({
        schema: { n: t.int32(), x: t.float32(), y: t.bool(), z: t.float32() },
        rowsPerSecond: 5_000,
        make: (n, random) => ({ n, x: random() - 0.5, y: n % 3 === 0, z: random() - 0.5 }),
      }),
      { batchRows: 64 },
    );
    const training = rows.train(model, { workers: 2, parameterServers: 1, batchSize: 64, mode: 'bsp', publishEverySteps: 1_000_000 });
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
