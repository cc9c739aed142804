import { collect, generator } from '../../../../src/connectors/index.js';
import type { NodeContext } from '../../../../src/ml-framework/node/node-context.js';
import { provideRoles, rolePart, type RoleParts } from '../../../../src/ml-framework/node/role-registry.js';
import '../../../../src/ml-framework/index.js';
import '../../../../src/roles/index.js';
import type { RecordBatch } from '../../../../src/memory/batch.js';
import { t } from '../../../../src/memory/schema.js';
import { defineJob } from '../../../../src/stream/job.js';
import { fromLoss, numeric, sgd } from '../../../../src/tensorflow/model/index.js';

/** Its only variable grows by 1 with each record, because the gradient of each is -1 and they are summed. */
const counter = fromLoss({
  name: 'counter',
  inputs: { x: numeric() },
  label: { y: t.bool() },
  outputs: { guess: t.float32() },
  variables: (tf) => ({ count: tf.variable(tf.scalar(0), true, 'count') }),
  predict: (_variables, { x }, tf) => ({ guess: tf.mul(x, 0) }),
  loss: (_outputs, _labels, tf, { count: seen }) => tf.neg(seen),
  optimizer: sgd(1),
});

function die(how: string, attempt: number): void {
  if (how === 'throw') throw new Error(`attempt ${attempt} of the worker ends`);
  if (how === 'exit') process.exit(9);
  process.kill(process.pid, 'SIGKILL');
}

/** What worker 0 reads: it dies when it asks for batch `at`, in each of its first lives. */
async function* mortal(ctx: NodeContext, { how, at, deaths }: { how: string; at: number; deaths: number }): AsyncGenerator<RecordBatch> {
  let asked = 0;
  for await (const batch of ctx.input) {
    if (ctx.index === 0 && ctx.attempt < deaths && ++asked === at) die(how, ctx.attempt);
    yield batch;
  }
}

/** Counts records with a model, and loses its first worker again and again. */
export default defineJob({
  name: 'dying',
  params: {
    records: t.int32(),
    mode: t.string(),
    isolation: t.string(),
    how: t.string(),
    at: t.int32(),
    deaths: t.int32(),
    servers: t.int32(),
    output: t.string(),
  },
  build: ({ params, source }) => {
    const trainingEntry = rolePart('trainingEntry');
    const parts = Object.fromEntries((['createAm', 'createPs', 'createLocalShard'] as const).map((name) => [name, rolePart(name)]));
    provideRoles({
      ...(parts as unknown as RoleParts),
      trainingEntry: (model, options) => (ctx) => trainingEntry(model, options)({ ...ctx, input: mortal(ctx, params) }),
    });
    const numbers = source(
      generator({
        schema: { n: t.int32(), x: t.float32(), y: t.bool() },
        count: params.records,
        rowsPerSecond: 4_000,
        make: (n: number) => ({ n, x: n, y: true }),
      }),
      { batchRows: 64 },
    );
    const training = numbers.train(counter, {
      ...{
        workers: params.servers === 0 ? 1 : 2,
        parameterServers: params.servers,
        batchSize: 32,
        gradients: 'sum',
        mode: params.mode as 'bsp' | 'asp',
        outputDir: params.output,
      },
      isolation: { worker: params.isolation as 'thread' | 'process' },
    });
    training.predictions.select('n').to(collect('predictions'));
  },
});
