import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeSavedModel, type TensorValue } from '../../../src/tensorflow/index.js';
import { producerOf } from '../../../src/tensorflow/saved-model/needed-nodes.js';
import { pythonJudge, runModels, type ModelAnswer, type ModelRequest } from '../../python/judge.js';
import { denseModel, f32, i64, mixedModel, plainModel, text, type ExportedModel } from '../../unit/tensorflow/export/exported-models.js';

const judge = await pythonJudge();

/** Writes the model and asks its own session what Python shall answer. */
async function write(
  dir: string,
  { graph, contents }: ExportedModel,
  requests: readonly Omit<ModelRequest, 'dir'>[],
): Promise<(ModelRequest & { expected: Values })[]> {
  const session = await graph.open();
  await writeSavedModel(dir, contents, session);
  const expected: Values[] = [];
  for (const { signature, feeds } of requests) {
    const found = contents.signatures.find(({ name }) => name === signature);
    assert.ok(found);
    const fed = Object.fromEntries(found.inputs.map(({ name, tensor }) => [producerOf(tensor), feeds[name] as TensorValue]));
    const computed = found.outputs.map(({ tensor }) => tensor).filter((tensor) => !Object.hasOwn(fed, tensor));
    const values = { ...fed, ...(await session.run(fed, computed)) };
    expected.push(Object.fromEntries(found.outputs.map(({ name, tensor }) => [name, values[tensor] as TensorValue])));
  }
  await session.close();
  return requests.map((request, i) => ({ ...request, dir, expected: expected[i] as Values }));
}

type Values = Readonly<Record<string, TensorValue>>;

function assertAnswer({ outputs }: ModelAnswer, expected: Values, where: string): void {
  assert.deepEqual(Object.keys(outputs).sort(), Object.keys(expected).sort(), where);
  for (const [name, value] of Object.entries(expected)) {
    const actual = outputs[name] as TensorValue;
    assert.deepEqual([actual.dtype, actual.shape], [value.dtype, value.shape], `${where}, ${name}`);
    if (value.dtype !== 'float32') assert.deepEqual(actual.data, value.data, `${where}, ${name}`);
    else assertClose(actual.data as Float32Array, value.data as Float32Array, `${where}, ${name}`);
  }
}

function assertClose(actual: Float32Array, expected: Float32Array, where: string): void {
  expected.forEach((value, i) => {
    const got = actual[i] as number;
    assert.ok(Math.abs(value - got) <= 1e-6, `${where}[${i}]: ${value}, Python has ${got}`);
  });
}

if ('skip' in judge) {
  test('Python loads what is exported', { skip: judge.skip }, () => undefined);
} else {
  test('tf.saved_model.load and TFSMLayer give the numbers of the session that was exported', async () => {
    const root = mkdtempSync(join(tmpdir(), 'millrace-export-'));
    try {
      const x = f32([3, 2], 0.1, 0.2, -1, 3, 0, 0);
      const mixed = { word: text([2], 'you', 'gr\u00fc\u00dfe'), id: i64([2], -1n, 5n), x: f32([2, 2], 1, 2, 3, 4) };
      const byBoth = (signature: string, feeds: Values) => (['load', 'layer'] as const).map((via) => ({ via, signature, feeds }));
      const requests = [
        // Two models whose variables have the same names, in one process: each must keep its own.
        ...(await write(join(root, 'one'), denseModel([10, 1], -3), [...byBoth('serving_default', { x }), ...byBoth('serving_default', { x: f32([0, 2]) })])),
        ...(await write(join(root, 'two'), denseModel([-1, 0.5], 0.25), byBoth('serving_default', { x }))),
        ...(await write(join(root, 'mixed'), mixedModel(), [
          { via: 'load', signature: 'serving_default', feeds: mixed },
          ...byBoth('negate', { id: i64([1], 2n ** 62n) }),
        ])),
        ...(await write(join(root, 'plain'), plainModel(), byBoth('serving_default', { x }))),
      ];
      const answers = runModels(judge.python, requests);
      requests.forEach(({ dir, signature, via, expected }, i) => assertAnswer(answers[i] as ModelAnswer, expected, `${dir}, ${signature} by ${via}`));
      const variablesOf = (name: string) => answers[requests.findIndex(({ dir, via }) => dir === join(root, name) && via === 'load')]?.variables;
      assert.deepEqual(variablesOf('one'), ['dense/bias:0', 'dense/kernel:0']);
      assert.deepEqual(variablesOf('mixed'), ['greeting:0', 'offset:0', 'scale:0']);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
}
