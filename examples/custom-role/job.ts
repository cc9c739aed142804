import {
  addAMRole,
  addPSRole,
  addRole,
  adam,
  batchFromRows,
  bool,
  collect,
  concat,
  console,
  defineCluster,
  defineJob,
  defineModel,
  dense,
  generator,
  numeric,
  param,
  t,
  wholeModel,
  type NodeEntry,
} from 'millrace';

/**
 * A cluster of one's own: workers train a model with a node entry written here, and a chief, a role without input,
 * evaluates each version that they publish while they train.
 */
const point = { x: t.float32(), y: t.float32() };

const model = defineModel({
  inputs: { x: numeric(), y: numeric() },
  label: { inside: t.bool() },
  build: ({ x, y }) => ({ probability: dense(1, 'sigmoid', dense(16, 'relu', concat([x, y]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(0.02),
});

/** A point is inside the unit circle or not. */
function pointAt(index: number): { x: number; y: number } {
  const random = (salt: number): number => {
    const s = Math.sin(index * 12.9898 + salt) * 43758.5453;
    return (s - Math.floor(s)) * 3 - 1.5;
  };
  return { x: random(1), y: random(2) };
}

interface Loss {
  worker: number;
  step: number;
  loss: number;
}

/** Pull, gradients, push: a training loop of one's own. */
const train: NodeEntry<{ x: number; y: number; inside: boolean }, Loss> = async (ctx) => {
  const session = await model.openTraining({ seed: 7 });
  try {
    const parameters = await ctx.parameters.open(session.variables, () => session.weights(), model.optimizer);
    for await (const batch of ctx.input) {
      const weights = await parameters.pull();
      session.setWeights(weights);
      const { loss, gradients } = await session.gradients(batch);
      await parameters.push(gradients, { examples: batch.length });
      const step = parameters.clock;
      if (ctx.index === 0 && step % 50 < ctx.count) await ctx.model.publish(wholeModel(await parameters.pull(), step, false));
      await ctx.emit([{ worker: ctx.index, step, loss }]);
    }
  } finally {
    await session.close();
  }
};

interface Evaluation {
  version: number;
  step: number;
  accuracy: number;
}

/** Evaluates the newest version on points that nobody trains on, until the workers have finished. */
const evaluate: NodeEntry<never, Evaluation> = async (ctx) => {
  const predictor = await model.openPredictor();
  try {
    const held = Array.from({ length: 500 }, (_, i) => pointAt(-1 - i));
    const batch = batchFromRows(point, held);
    for await (const { version, step, weights } of ctx.model.versions()) {
      await predictor.setWeights(weights);
      const { probability } = await predictor.predictor.run(predictor.feeds(batch));
      const scores = probability!.data as Float32Array;
      const right = held.filter(({ x, y }, i) => scores[i]! > 0.5 === x * x + y * y < 1).length;
      await ctx.emit([{ version, step, accuracy: right / held.length }]);
    }
  } finally {
    await predictor.predictor.close();
  }
};

export default defineJob({
  name: 'custom-role',
  params: { records: param(t.int32(), { default: 60_000 }), quiet: param(t.bool(), { default: false }) },
  build: ({ env, params, source }) => {
    const points = source(generator({ schema: point, count: params.records, make: pointAt }), { batchRows: 64 }).with({
      inside: bool((p) => p.x * p.x + p.y * p.y < 1),
    });
    const cluster = defineCluster({ name: 'circle', roles: { worker: 2, ps: 1, chief: 1 }, mode: 'asp' });
    addAMRole(env, cluster);
    const losses = addRole<{ x: number; y: number; inside: boolean }, Loss>(env, cluster, 'worker', {
      input: points,
      entry: train,
      output: { worker: t.int32(), step: t.int64(), loss: t.float64() },
    });
    addPSRole(losses, cluster, model.optimizer);
    const evaluations = addRole<never, Evaluation>(env, cluster, 'chief', {
      entry: evaluate,
      output: { version: t.int64(), step: t.int64(), accuracy: t.float64() },
    });
    evaluations.to(params.quiet ? collect('evaluations') : console());
    losses.to(collect('losses'));
  },
});
