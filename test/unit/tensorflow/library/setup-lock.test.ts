import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { deferred } from '../../../../src/core/index.js';
import { withSetupLock } from '../../../../src/tensorflow/library/setup-lock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('one setup works at a time, and the lock is gone afterwards', async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withSetupLock(folder, 10_000, work)));
  assert.equal(most, 1);
  assert.equal(existsSync(join(folder, 'setup.lock')), false);
});

test('the lock of a process that has died is taken over', async () => {
  // No process has this id: Linux ends at 2^22.
  writeFileSync(join(folder, 'setup.lock'), JSON.stringify({ pid: 2 ** 22 + 1, id: 'dead' }));
  assert.equal(await withSetupLock(folder, 10_000, () => Promise.resolve('done')), 'done');
});

test('a lock that stays held is an error at the deadline', async () => {
  const gate = deferred();
  const holder = withSetupLock(folder, 1000, () => gate.promise);
  await assert.rejects(
    withSetupLock(folder, 0, () => Promise.resolve()),
    /SETUP_FAILED|another setup still holds/,
  );
  gate.resolve();
  await holder;
});
