import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileTrainStep, loadTfjs, type CompiledStep, type TrainStepOptions } from '../../../src/tensorflow/index.js';
import type { Optimizer, Tensor, Variable } from '../../../src/tensorflow/model/tfjs-types.js';
import { assertClose, numbersOf, tidied, type Numbers } from './close.js';
import { numbers } from './seeded.js';

const tf = await loadTfjs();
const [tableRows, width] = [9, 3];

/** Keys of each batch: several come more than once, row 8 never comes. */
const batches = [[1, 1, 1, 4], [0, 4, 2, 4, 7, 7], [5], [6, 3, 3, 0, 1, 2, 7, 5]]; // prettier-ignore

type Forward = (keys: Tensor, table: Variable) => Tensor;
const one: Forward = (keys, table) => tf.gather(table, keys);
const two: Forward = (keys, table) => tf.add(tf.gather(table, keys), tf.mul(2, tf.gather(table, tf.reverse(keys, 0))));
const dense: Forward = (keys, table) => tf.add(tf.gather(table, keys), tf.sum(table, 0));

interface Trained {
  readonly table: Numbers;
  readonly slots: number;
  readonly ops: readonly string[];
}

function newTable(): Variable {
  return tf.variable(tf.tensor(numbers(tableRows * width, 1), [tableRows, width]));
}

function batch(keys: readonly number[]): { readonly keys: Tensor; readonly labels: Tensor } {
  return { keys: tf.tensor1d([...keys], 'int32'), labels: tf.tensor(numbers(keys.length * width, 7), [keys.length, width]) };
}

const loss = (labels: Tensor, outputs: Tensor): Tensor => tf.mean(tf.square(tf.sub(outputs, labels)));

function eager(forward: Forward, optimizer: Optimizer, which = batches): Numbers {
  const table = newTable();
  for (const each of which) {
    tf.tidy(() => {
      const { keys, labels } = batch(each);
      optimizer.minimize(() => loss(labels, forward(keys, table)) as never, false, [table]);
    });
  }
  const result = numbersOf(table);
  table.dispose();
  optimizer.dispose();
  return result;
}

interface Training {
  readonly step: CompiledStep;
  readonly table: Variable;
  run(keys: readonly number[]): Promise<void>;
  ops(): readonly string[];
  close(): Promise<void>;
}

async function train(forward: Forward, optimizer: Optimizer, options: TrainStepOptions = {}): Promise<Training> {
  const table = newTable();
  const warnings: string[] = [];
  const model = (keys: Tensor): Tensor => forward(keys, table);
  const step = await compileTrainStep(model, loss, optimizer, { ...options, log: { warn: (message) => warnings.push(message) } });
  return {
    step,
    table,
    run: async (each) => {
      const { keys, labels } = batch(each);
      await step.values(keys, labels);
      assert.deepEqual(warnings, []);
      tf.dispose([keys, labels]);
    },
    ops: () => step.traces[0]!.traced.program.nodes.map(({ op }) => op),
    close: async () => {
      await step.close();
      table.dispose();
      optimizer.dispose();
    },
  };
}

async function trained(forward: Forward, optimizer: Optimizer, options?: TrainStepOptions): Promise<Trained> {
  const training = await train(forward, optimizer, options);
  for (const each of batches) await training.run(each);
  const result = { table: numbersOf(training.table), slots: 0, ops: training.ops() };
  await training.close();
  return result;
}

const exact = {
  SGD: { make: () => tf.train.sgd(0.2), op: 'ResourceScatterSub' },
  Adagrad: { make: () => tf.train.adagrad(0.2), op: 'ResourceSparseApplyAdagrad' },
} as const;

describe('an update by rows is the dense one', () => {
  for (const [name, { make, op }] of Object.entries(exact)) {
    for (const [gathers, forward] of [
      ['one gather', one],
      ['two gathers from one table', two],
    ] as const)
      // prettier-ignore
      it(`${name}, ${gathers}, keys that come several times`, async () => {
        const { table, ops } = await trained(forward, make());
        assert.ok(ops.includes(op), ops.join(' '));
        assert.ok(ops.includes('ResourceGather') && !ops.includes('#read'), 'reads rows in place, never the whole table');
        assertClose(table, eager(forward, make()), 1e-5, 'table');
      });
    it(`${name} of an embedding layer`, async () => {
      const weights = tf.tensor(numbers(tableRows * width, 1), [tableRows, width]);
      const model = () => tf.sequential({ layers: [tf.layers.embedding({ inputDim: tableRows, outputDim: width, inputLength: 2, weights: [weights.clone()] }), tf.layers.flatten(), tf.layers.dense({ units: 1, kernelInitializer: 'ones' })] }); // prettier-ignore
      const [expected, actual] = [model(), model()];
      expected.compile({ loss: 'meanSquaredError', optimizer: make() });
      const optimizer = make();
      const step = await compileTrainStep(actual, 'meanSquaredError', optimizer);
      for (const keys of batches.filter(({ length }) => length % 2 === 0)) {
        const x = tf.tensor(Float32Array.from(keys), [keys.length / 2, 2]);
        const y = tf.tensor(numbers(keys.length / 2, 3), [keys.length / 2, 1]);
        await expected.trainOnBatch(x, y);
        await step.values(x, y);
        tf.dispose([x, y]);
      }
      assert.ok(step.traces[0]!.traced.program.nodes.some((node) => node.op === op));
      actual.weights.forEach((weight, i) => assertClose(numbersOf(weight.read()), numbersOf(expected.weights[i]!.read()), 1e-5, weight.name));
      await step.close();
      weights.dispose();
      expected.dispose();
      actual.dispose();
    });
    it(`${name} with sparse: 'off', and where the table is used as a whole too, is dense`, async () => {
      for (const [forward, options] of [
        [one, { sparse: 'off' }],
        [dense, {}],
      ] as const) {
        const { table, ops } = await trained(forward, make(), options);
        assert.ok(!ops.includes(op));
        assertClose(table, eager(forward, make()), 1e-5, 'table');
      }
    });
  }
  it('Adam, momentum and RMSProp stay dense unless lazy is asked for', async () => {
    for (const make of [() => tf.train.adam(0.1), () => tf.train.momentum(0.1, 0.9), () => tf.train.rmsprop(0.1)]) {
      const { table } = await trained(one, make());
      assertClose(table, eager(one, make()), 1e-4, 'table');
    }
  });
});

describe('a lazy update', () => {
  const lazy = {
    'Adam': () => tf.train.adam(0.1),
    'momentum': () => tf.train.momentum(0.1, 0.9),
    'Nesterov momentum': () => tf.train.momentum(0.1, 0.9, true),
    'RMSProp': () => tf.train.rmsprop(0.1),
    'centered RMSProp': () => tf.train.rmsprop(0.1, 0.9, 0.5, 1e-9, true),
  }; // prettier-ignore
  const all = Array.from({ length: tableRows }, (_, i) => i);
  const rowOf = ({ data }: Numbers, row: number): number[] => Array.from(data).slice(row * width, (row + 1) * width);

  for (const [name, make] of Object.entries(lazy)) {
    it(`of ${name} leaves rows that a batch lacks, whatever their moments, and moves the others`, async () => {
      const training = await train(one, make(), { sparse: 'lazy' });
      await training.run(all);
      const before = numbersOf(training.table);
      await training.run([2, 2, 5]);
      const after = numbersOf(training.table);
      for (const row of all) {
        const moved = String(rowOf(after, row)) !== String(rowOf(before, row));
        assert.equal(moved, row === 2 || row === 5, `row ${row}`);
      }
      await training.close();
    });
    it(`of ${name} is the dense one where every row comes in every batch`, async () => {
      const full = [all, [...all, 1, 1, 4], all.toReversed()];
      const training = await train(one, make(), { sparse: 'lazy' });
      for (const each of full) await training.run(each);
      assertClose(numbersOf(training.table), eager(one, make(), full), 1e-4, 'table');
      await training.close();
    });
  }
  it('of Adamax does not exist: eager steps, after a warning', async () => {
    const warnings: string[] = [];
    const table = newTable();
    const step = await compileTrainStep((keys: Tensor) => one(keys, table), loss, tf.train.adamax(0.1), {
      sparse: 'lazy',
      log: { warn: (message) => warnings.push(message) },
    });
    const { keys, labels } = batch(batches[0]!);
    for (let i = 0; i < 3; i++) await step.values(keys, labels);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /adamax has no update by rows/);
    assertClose(numbersOf(table), eager(one, tf.train.adamax(0.1), [batches[0]!, batches[0]!, batches[0]!]), 1e-6, 'table');
    await step.close();
    tf.dispose([keys, labels, table]);
  });
});

describe('a key outside of its table', () => {
  it('is an error, and nothing has moved', async () => {
    const training = await train(one, tf.train.adagrad(0.1));
    await training.run([1, 2]);
    const before = numbersOf(training.table);
    await assert.rejects(training.run([1, tableRows]), /is not in \[0, 9\)/);
    assert.deepEqual(numbersOf(training.table), before);
    await training.run([1, 2]);
    await training.close();
  });
});

describe('the forward pass', () => {
  it('sees the table as it was before the update, also where the gradient does not depend on it', async () => {
    const table = newTable();
    const linear = (_labels: Tensor, outputs: Tensor): Tensor => tf.sum(outputs);
    for (const sparse of ['exact', 'off'] as const) {
      const step = await compileTrainStep((keys: Tensor) => tf.matMul(one(keys, table), tf.ones([width, 1])), linear, tf.train.sgd(1), { sparse });
      for (let i = 0; i < 200; i++) {
        const { keys, labels } = batch(batches[i % 4]!);
        const expected = tidied(tf, () => tf.sum(one(keys, table)).dataSync()[0]!);
        const { loss: value } = await step.values(keys, labels);
        assert.ok(Math.abs((value.data as Float32Array)[0]! - expected) < 1e-3 * Math.abs(expected) + 1e-3);
        tf.dispose([keys, labels]);
      }
      await step.close();
    }
    table.dispose();
  });
});
