import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { attributeNames } from '../../../../src/tensorflow/eager/attribute-names.js';
import { loadTfjs } from '../../../../src/tensorflow/index.js';
import { tfjsNodeFolder } from '../../../../src/tensorflow/library/package-paths.js';

test('tfjs-node loads once and computes on the native backend', async () => {
  const tf = await loadTfjs();
  assert.equal(await loadTfjs(), tf);
  assert.equal(tf.getBackend(), 'tensorflow');
  assert.deepEqual(
    tf.tidy(() => tf.matMul([[1, 2]], [[3], [4]]).arraySync()),
    [[11]],
  );
});

test('every attribute name in the code of tfjs-node is written before threads run', () => {
  const dist = join(tfjsNodeFolder(), 'dist');
  const names = new Set<string>();
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.js') || file.endsWith('_test.js') || file.startsWith('proto')) continue;
    const code = readFileSync(join(dist, file), 'utf8');
    for (const [, name] of code.matchAll(/(?:\bname: |createTensorsTypeOpAttr\)?\()'([A-Za-z_0-9]+)'/g)) names.add(name as string);
  }
  assert.ok(names.size > 50, 'the pattern still fits the code');
  assert.deepEqual(
    [...names].filter((name) => !attributeNames.includes(name)),
    [],
  );
});
