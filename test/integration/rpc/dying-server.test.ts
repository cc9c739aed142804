import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';

describe('a thread with a server that exits while it is called', () => {
  it('ends alone', () => {
    const ran = spawnSync(process.execPath, [fileURLToPath(new URL('./dying-server.js', import.meta.url))], { encoding: 'utf8', timeout: 120_000 });
    assert.equal(ran.signal, null, ran.stderr);
    assert.equal(ran.status, 0, ran.stderr);
    assert.equal(ran.stdout.match(/outlived/g)?.length, 5);
  });
});
