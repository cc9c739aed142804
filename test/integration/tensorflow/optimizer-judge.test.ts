import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createOptimizer } from '../../../src/roles/ps/optimizers/optimizer.js';
import { adagrad, adam, adamw, compileTrainStep, loadTfjs, momentum, rmsprop, type TensorValue, type Tfjs } from '../../../src/tensorflow/index.js';
import { seededRandom } from '../../../src/tensorflow/model/random.js';
import { pythonJudge, runPython } from '../../python/judge.js';

const stepCount = 10;
const [rowCount, width] = [12, 4];
const batch = 8;
/** Of the largest weight. */
const tolerance = 1e-4;

const random = seededRandom(3);
const matrix = (rows: number): number[][] => Array.from({ length: rows }, () => Array.from({ length: width }, () => random() * 2 - 1));
const weights = matrix(rowCount);
const dense = Array.from({ length: stepCount }, () => ({ values: matrix(rowCount) }));
// Eight indices of six: some come more than once, and half of the rows never.
const sparse = Array.from({ length: stepCount }, () => ({
  indices: Array.from({ length: batch }, () => Math.floor(random() * (rowCount / 2))),
  values: matrix(batch),
}));

type Spec = ReturnType<typeof adamw>;
type DenseStep = (typeof dense)[number];
type RowStep = (typeof sparse)[number];
type Variable = ReturnType<Tfjs['variable']>;
type Tensor = ReturnType<Tfjs['tensor']>;

const float = (values: readonly (readonly number[])[]): TensorValue => ({
  dtype: 'float32',
  shape: [values.length, width],
  data: Float32Array.from(values.flat()),
});

/** Steps whose gradients are those given: the loss is the sum of what the model gives times them. */
async function compiled(spec: Spec, steps: readonly (DenseStep | RowStep)[], options: Parameters<typeof compileTrainStep>[3]): Promise<Float32Array> {
  const tf = await loadTfjs();
  const variable: Variable = tf.variable(tf.tensor2d(weights));
  const forward = (input: Tensor): Tensor => (input.dtype === 'int32' ? tf.gather(variable, input) : tf.mul(variable, input));
  const step = await compileTrainStep(forward, (scale, outputs) => tf.sum(tf.mul(outputs, scale)), spec, { batch: 'none', ...options });
  const ones = float(Array.from({ length: rowCount }, () => Array.from({ length: width }, () => 1)));
  for (const each of steps) {
    if ('indices' in each) step.valuesSync({ dtype: 'int32', shape: [batch], data: Int32Array.from(each.indices) }, float(each.values));
    else step.valuesSync(float(each.values), ones);
  }
  assert.equal(step.stats.eagerCalls, 0);
  const updatesRows = step.traces[0]!.traced.program.nodes.some(({ op }) => /^Resource(Sparse|Scatter)/.test(op));
  assert.equal(updatesRows, steps === sparse);
  const made = variable.dataSync() as Float32Array;
  await step.close();
  variable.dispose();
  return made;
}

/** The loop of a parameter server. */
function looped(spec: Spec, steps: readonly DenseStep[]): Float32Array {
  const optimizer = createOptimizer(spec);
  const value = Float32Array.from(weights.flat());
  const slots = optimizer.slots.map((fill) => new Float32Array(value.length).fill(fill));
  steps.forEach(({ values }, i) => {
    optimizer.apply(value, Float32Array.from(values.flat()), slots, i + 1);
  });
  return value;
}

interface Case {
  readonly name: string;
  /** Python's name of the optimizer. */
  readonly judge: string;
  readonly spec: Spec;
  readonly steps: readonly (DenseStep | RowStep)[];
  readonly ours: (spec: Spec, steps: readonly never[]) => Float32Array | Promise<Float32Array>;
}

const compiledWith =
  (options?: Parameters<typeof compileTrainStep>[3]) =>
  (spec: Spec, steps: readonly (DenseStep | RowStep)[]): Promise<Float32Array> =>
    compiled(spec, steps, options);

const decaying = adamw(0.05, { weightDecay: 0.1 });
const cases: readonly Case[] = [
  { name: 'AdamW as a kernel', judge: 'adamw', spec: decaying, steps: dense, ours: compiledWith() },
  { name: "AdamW of tfjs's operations", judge: 'adamw', spec: decaying, steps: dense, ours: compiledWith({ optimizer: 'traced' }) },
  { name: 'AdamW of a parameter server', judge: 'adamw', spec: decaying, steps: dense, ours: looped },
  { name: 'Adagrad of a parameter server', judge: 'adagrad', spec: adagrad(0.1), steps: dense, ours: looped },
  { name: 'Adagrad by rows', judge: 'adagrad', spec: adagrad(0.1), steps: sparse, ours: compiledWith() },
  { name: 'lazy momentum', judge: 'sparse_momentum', spec: momentum(0.1), steps: sparse, ours: compiledWith({ sparse: 'lazy' }) },
  { name: 'lazy Nesterov momentum', judge: 'sparse_momentum', spec: momentum(0.1, { nesterov: true }), steps: sparse, ours: compiledWith({ sparse: 'lazy' }) },
  { name: 'lazy RMSProp', judge: 'sparse_rmsprop', spec: rmsprop(0.01, { momentum: 0.5 }), steps: sparse, ours: compiledWith({ sparse: 'lazy' }) },
  { name: 'lazy Adam', judge: 'lazy_adam', spec: adam(0.05), steps: sparse, ours: compiledWith({ sparse: 'lazy' }) },
];

const judge = await pythonJudge();

if ('skip' in judge) {
  test('optimizers agree with Python TensorFlow', { skip: judge.skip }, () => undefined);
} else {
  const wanted = judged(judge.python);
  for (const [i, { name, spec, steps, ours }] of cases.entries()) {
    test(`${name} gives the weights of Python's after ${stepCount} steps`, async () => {
      const expected = wanted[i]!.flat();
      const bound = tolerance * Math.max(...expected.map(Math.abs));
      const made = await ours(spec, steps as readonly never[]);
      assert.equal(made.length, expected.length);
      expected.forEach((value, at) => {
        assert.ok(Math.abs(made[at]! - value) <= bound, `weight ${at}: ${made[at]!}, Python has ${value}`);
      });
      assert.ok(
        made.some((value, at) => Math.abs(value - weights.flat()[at]!) > 100 * bound),
        'the steps moved the weights',
      );
    });
  }
}

function judged(python: string): number[][][] {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-optimizers-'));
  try {
    const file = join(folder, 'cases.json');
    writeFileSync(file, JSON.stringify(cases.map(({ judge: kind, spec, steps }) => ({ optimizer: { ...spec, kind }, weights, steps }))));
    return JSON.parse(runPython(python, 'optimizer_steps.py', [file])) as number[][][];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
