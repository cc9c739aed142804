import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { promisify } from 'node:util';
import { root } from './millrace.js';

const folder = mkdtempSync(join(tmpdir(), 'millrace-moons-'));
after(() => rmSync(folder, { recursive: true, force: true }));

it('the example without streams learns two moons, exports its model, and gets the scores back from the SavedModel', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['examples/compile/moons.mjs', join(folder, 'model')], {
    cwd: root,
    timeout: 120_000,
  });
  assert.equal(stderr, '');
  const [, accuracy] = /loss [\d.]+, accuracy ([\d.]+), \d+ steps\/s/.exec(stdout) ?? assert.fail(stdout);
  assert.ok(Number(accuracy) > 0.97, stdout);
  const [, low, high] = /of \(0, 1\) is ([\d.]+), of \(1, -0\.5\) ([\d.]+)/.exec(stdout) ?? assert.fail(stdout);
  assert.ok(Number(low) < 0.1 && Number(high) > 0.9, stdout);
});
