import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { parseLines, Sandbox, type Command } from './millrace.js';

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox.close());

async function startEndless(): Promise<Command> {
  const output = sandbox.path('out.jsonl');
  const job = sandbox.start('run', sandbox.job('count.ts'), '--set', `output=${output}`, '--set', 'count=2000000000', '--set', 'rate=2000', '--json');
  await job.until(() => sandbox.registered.some((name) => name.endsWith('.json')) && existsSync(`${output}.inprogress`), 'start', 10_000);
  return job;
}

test('after kill -9 of a run nothing of it is left, and status shows nothing stale', async () => {
  const job = await startEndless();
  job.kill('SIGKILL');
  const { orphans } = await job.ended;
  assert.deepEqual(orphans, []);
  const status = await sandbox.run('status', '--json');
  assert.equal(status.code, 0, status.stderr);
  assert.deepEqual(JSON.parse(status.stdout), []);
  assert.deepEqual(sandbox.registered, []);
  const again = await startEndless();
  assert.equal((await sandbox.run('cancel', 'count')).code, 0);
  assert.equal((await again.ended).code, 130);
});

test('Ctrl-C twice kills a job that does not drain, with exit code 130', async () => {
  const file = sandbox.write(
    'stuck.ts',
    `import { defineJob, discard, generator, t } from 'millrace';
export default defineJob({ name: 'stuck', build({ source }) {
  source(generator({ schema: { n: t.int32() }, make: (n) => ({ n }) }))
    .map((r) => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_600_000); return r; })
    .to(discard());
} });`,
  );
  const job = sandbox.start('run', file, '--json');
  await job.until(() => sandbox.registered.some((name) => name.endsWith('.json')), 'start', 10_000);
  job.kill('SIGINT');
  await job.until(() => job.events.some(({ event, message }) => event === 'notice' && /draining/.test(String(message))), 'notice', 10_000);
  job.kill('SIGINT');
  const { code, stdout, orphans } = await job.ended;
  assert.equal(code, 130);
  assert.equal(parseLines(stdout).at(-1)?.state, 'cancelled');
  assert.deepEqual(orphans, []);
  assert.deepEqual(sandbox.registered, []);
});
