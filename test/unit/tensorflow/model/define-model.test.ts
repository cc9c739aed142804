import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isMillraceError } from '../../../../src/core/errors.js';
import { t, type Infer } from '../../../../src/memory/schema.js';
import {
  adam,
  category,
  concat,
  defineModel,
  dense,
  embedding,
  numeric,
  type Accepts,
  type AcceptsInputs,
  type OutputsOf,
} from '../../../../src/tensorflow/model/index.js';

const lateness = defineModel({
  name: 'lateness',
  inputs: { hour: category(24), origin: embedding({ dim: 4, buckets: 50 }), distance: numeric({ mean: 700, std: 550 }) },
  label: { late: t.bool() },
  build: ({ hour, origin, distance }) => ({ probability: dense(1, 'sigmoid', dense(8, 'relu', concat([hour, origin, distance]))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(1e-3),
});

const flight = { hour: t.int32(), origin: t.string(), distance: t.int32(), late: t.bool() };
type Flight = Infer<typeof flight>;

declare function train<R, M>(row: R, model: M & Accepts<R, M>): void;
declare function score<R, M>(row: R, model: M & AcceptsInputs<R, M>): OutputsOf<M>;

// Never called: what must and must not compile.
export function types(row: Flight): void {
  train(row, lateness);
  const scored = score({ hour: 1, origin: 'a', distance: 3 }, lateness);
  scored.probability satisfies number;
  // @ts-expect-error: no label
  train({ hour: 1, origin: 'a', distance: 3 }, lateness);
  // @ts-expect-error: hour is a string
  train({ ...row, hour: 'x' }, lateness);
  // @ts-expect-error: distance may be null
  score({ ...row, distance: null as number | null }, lateness);
  // @ts-expect-error: no such output
  scored.nope satisfies number;
  const several = defineModel({
    inputs: { x: numeric({ size: 3 }), y: numeric({ default: 0 }) },
    label: { z: t.vector(2) },
    build: ({ x, y }) => ({ both: dense(2, 'linear', concat([x, y])) }),
    loss: 'mse',
    optimizer: adam(),
  });
  score({ x: new Float32Array(3), y: null as number | null }, several).both satisfies Float32Array;
}

describe('defineModel', () => {
  it('knows its columns and outputs without TensorFlow', () => {
    assert.deepEqual(lateness.features, ['hour', 'origin', 'distance']);
    assert.deepEqual(lateness.labels, ['late']);
    assert.equal(lateness.outputs['probability']?.dtype, 'float32');
  });

  it('finds no problem in a schema that fits, and needs labels only for training', () => {
    assert.deepEqual(lateness.problems(flight, true), []);
    const { late: _late, ...unlabelled } = flight;
    assert.deepEqual(lateness.problems(unlabelled, false), []);
    assert.match(lateness.problems(unlabelled, true).join(), /label 'late' is no column/);
  });

  it('names every column that does not fit', () => {
    const problems = lateness.problems({ hour: t.float32(), distance: t.nullable(t.int32()), late: t.string(), probability: t.float32() }, true);
    assert.equal(problems.length, 5);
    assert.match(problems.join('\n'), /column 'hour' is float32, but category\(24\) takes integers/);
    assert.match(problems.join('\n'), /input 'origin' is no column/);
    assert.match(problems.join('\n'), /column 'distance' is int32\?: give numeric\(\) a `default`/);
    assert.match(problems.join('\n'), /label column 'late' is string/);
    assert.match(problems.join('\n'), /output 'probability' has the name of a column/);
  });

  it('refuses a definition that cannot work, with all problems at once', () => {
    assert.throws(
      () =>
        defineModel({
          name: 'broken',
          inputs: { a: numeric(), b: numeric() },
          label: { y: t.bool(), z: t.string() },
          build: ({ a }) => ({ p: dense(2, 'softmax', a) }),
          loss: 'mse',
          optimizer: adam(),
        }),
      (error: unknown) =>
        isMillraceError(error) &&
        error.code === 'MODEL_INVALID' &&
        /does not use input 'b'/.test(error.message) &&
        /label 'z' is string/.test(error.message) &&
        /compares one label with one output/.test(error.message),
    );
  });

  it('refuses options it does not know', () => {
    assert.throws(() => numeric({ mena: 1 } as never), /unknown option mena/);
    assert.throws(() => numeric({ missing: true }), /needs `default`/);
    assert.throws(() => adam(-1), /learningRate/);
  });
});
