import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { findBridgeJar, setupBridge } from '../../../src/engines/flink/index.js';
import { flinkTest } from '../../flink/flink-test.js';

flinkTest('set-up builds the bridge once for each state of its sources, and the engine finds it', async () => {
  const cacheDir = mkdtempSync(join(tmpdir(), 'millrace-bridge-test-'));
  try {
    await assert.rejects(findBridgeJar(cacheDir), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'SETUP_NEEDED');
      assert.match(error.message, /run: npx millrace setup/);
      return true;
    });
    const built = await setupBridge(cacheDir);
    assert.ok('path' in built && built.changed);
    assert.ok(Object.keys(unzipSync(readFileSync(built.path))).includes('millrace/flink/MillraceJob.class'));
    assert.deepEqual(await setupBridge(cacheDir), { path: built.path, changed: false });
    assert.equal(await findBridgeJar(cacheDir), built.path);
  } finally {
    rmSync(cacheDir, { recursive: true });
  }
});
