import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { openSavedModelPredictor, type TensorValue } from '../../../src/tensorflow/index.js';
import { pythonJudge, writeJudgeCases, type JudgeCase } from '../../python/judge.js';

const judge = await pythonJudge();

function assertSame(actual: TensorValue | undefined, expected: TensorValue, tolerance: number, where: string): void {
  assert.ok(actual, where);
  assert.deepEqual([actual.dtype, actual.shape], [expected.dtype, expected.shape], where);
  if (tolerance === 0 || !expected.dtype.startsWith('float')) {
    assert.deepEqual(actual.data, expected.data, where);
    return;
  }
  (expected.data as Float32Array).forEach((value, i) => {
    const got = (actual.data as Float32Array)[i] as number;
    assert.ok(Math.abs(got - value) <= tolerance, `${where}[${i}]: got ${got}, Python has ${value}`);
  });
}

/** The same bytes at an aligned place in shared memory, which the session may read in place. */
function inSharedMemory(value: TensorValue): TensorValue {
  if (value.dtype === 'string') return value;
  const data = value.data as Float32Array;
  const memory = new SharedArrayBuffer(data.byteLength);
  const copy = new (data.constructor as Float32ArrayConstructor)(memory as unknown as ArrayBuffer);
  copy.set(data);
  return { ...value, data: copy };
}

async function check({ name, dir, signature, feeds, expected, tolerance }: JudgeCase): Promise<void> {
  const predictor = await openSavedModelPredictor(dir, { signature });
  try {
    for (const run of [feeds, Object.fromEntries(Object.entries(feeds).map(([key, value]) => [key, inSharedMemory(value)]))]) {
      const results = await predictor.run(run);
      assert.deepEqual(Object.keys(results).sort(), Object.keys(expected).sort());
      for (const [key, value] of Object.entries(expected)) assertSame(results[key], value, tolerance, `${name}, output ${key}`);
    }
  } finally {
    await predictor.close();
  }
}

if ('skip' in judge) {
  test('sessions agree with Python TensorFlow', { skip: judge.skip }, () => undefined);
} else {
  const { folder, cases } = writeJudgeCases(judge.python);
  const byName = (name: string): JudgeCase => {
    const found = cases.find((one) => one.name === name);
    assert.ok(found, name);
    return found;
  };
  test.after(() => rmSync(folder, { recursive: true, force: true }));

  for (const one of cases) test(`${one.name} gives Python's answer`, () => check(one));

  test('a fixed batch of four takes three, nine and no rows, and each row gets the answer that it gets alone', async () => {
    const { dir, feeds, expected, tolerance } = byName('fixed-batch/exact');
    const predictor = await openSavedModelPredictor(dir);
    assert.deepEqual(
      predictor.signature.inputs.map(({ shape }) => shape),
      [[-1], [-1, 3]],
    );
    const rows = (value: TensorValue, count: number): TensorValue => {
      const width = value.data.length / 4;
      const picked = Array.from({ length: count * width }, (_, i) => value.data[i % value.data.length]);
      const data = value.dtype === 'string' ? (picked as Buffer[]) : Float32Array.from(picked as number[]);
      return { ...value, shape: [count, ...value.shape.slice(1)], data };
    };
    for (const count of [3, 9, 0]) {
      const results = await predictor.run({ x: rows(feeds['x'] as TensorValue, count), s: rows(feeds['s'] as TensorValue, count) });
      for (const name of ['p', 't'])
        assertSame(results[name], rows(expected[name] as TensorValue, count), name === 'p' ? tolerance : 0, `${count} rows, ${name}`);
    }
    await predictor.close();
  });

  test('constant strings come back whole again and again', async () => {
    const { dir, feeds, expected } = byName('constants/values');
    const predictor = await openSavedModelPredictor(dir);
    for (let i = 0; i < 200; i++) assert.deepEqual((await predictor.run(feeds))['long'], expected['long']);
    await predictor.close();
  });
}
