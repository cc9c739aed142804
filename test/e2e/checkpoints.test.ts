import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { parseLines, readLines, Sandbox, type Command } from './millrace.js';

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox.close());

const records = 6_000;

/** numbers, counted by key into a file: 3 s of them. */
function start(...more: readonly string[]): Command {
  return startAt(2000, ...more);
}

/** The same over a minute: what is killed or stopped on the way must not end before, however busy the machine is. */
function startSlow(): Command {
  return startAt(100);
}

function startAt(rate: number, ...more: readonly string[]): Command {
  const output = sandbox.path('out.jsonl');
  const set = ['--set', `output=${output}`, '--set', `count=${records}`, '--set', `rate=${rate}`];
  return sandbox.start('run', sandbox.job('count.ts'), ...set, '--checkpoint-every', '100 ms', '--json', ...more);
}

const place = (): string => sandbox.path('state/checkpoints/count');

function stored(): readonly string[] {
  return existsSync(place())
    ? readdirSync(place())
        .filter((name) => !name.startsWith('.'))
        .sort()
    : [];
}

/** As one run would have left it: every number once, in its key's order. */
function assertComplete(): void {
  const rows = readLines(sandbox.path('out.jsonl'));
  assert.equal(rows.length, records);
  const numbers = rows.map(({ n }) => Number(n));
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: records }, (_, n) => n),
  );
}

test('a job killed with -9 goes on from its latest checkpoint, at another parallelism; its file has each row once', async () => {
  const first = startSlow();
  await first.until(() => stored().length >= 3, 'checkpoints');
  first.kill('SIGKILL');
  assert.deepEqual((await first.ended).orphans, []);
  const { code, stdout, stderr } = await start('--restore', 'latest', '--parallelism', '2').ended;
  assert.equal(code, 0, stderr);
  const summary = parseLines(stdout).at(-1) as { checkpoints: { last: { kind: string } } };
  assert.equal(summary.checkpoints.last.kind, 'final');
  // Two sources reach a key in any order, and a row is the highest number so far: one row for each number all the same.
  const rows = readLines(sandbox.path('out.jsonl'));
  assert.equal(rows.length, records);
  for (let key = 0; key < 10; key++) assert.equal(Math.max(...rows.filter((row) => row['key'] === key).map(({ n }) => Number(n))), records - 10 + key);
  const shown = JSON.parse((await sandbox.run('checkpoints', 'show', 'count', '--json')).stdout) as {
    kind: string;
    operators: { uid: string; parallelism: number }[];
  };
  assert.equal(shown.kind, 'final');
  assert.equal(shown.operators.find(({ uid }) => uid === 'reduce')?.parallelism, 2);
});

test('the newest checkpoint torn: verify says so, restore uses the one before and says so, and nothing is lost', async () => {
  const first = startSlow();
  await first.until(() => stored().length >= 3, 'checkpoints');
  first.kill('SIGKILL');
  await first.ended;
  const [newest, before] = stored().toReversed() as [string, string];
  truncateSync(join(place(), newest, 'state.bin'), 100);
  const verified = await sandbox.run('checkpoints', 'verify', 'count');
  assert.equal(verified.code, 4);
  assert.match(verified.stdout, new RegExp(`${newest} .*state.bin: damaged: 100 bytes, the manifest says`));
  assert.match(verified.stdout, new RegExp(`${before}  whole`));
  const { code, stdout } = await start('--restore', 'latest').ended;
  assert.equal(code, 0);
  const warnings = parseLines(stdout).filter(({ event, level }) => event === 'log' && level === 'warn');
  assert.match(String(warnings[0]?.['message']), new RegExp(`${newest}.*the checkpoint before it is used`));
  assertComplete();
});

test('stop --savepoint ends a job that goes on from there; a savepoint elsewhere is taken while it runs', async () => {
  const first = startSlow();
  await first.until(() => stored().length >= 1, 'checkpoint');
  const elsewhere = await sandbox.run('savepoint', '--to', sandbox.path('elsewhere'), '--json');
  assert.equal(elsewhere.code, 0, elsewhere.stderr);
  const info = JSON.parse(elsewhere.stdout) as { location: string; kind: string };
  assert.deepEqual([info.kind, readdirSync(info.location).sort()], ['savepoint', ['manifest.json', 'state.bin']]);
  const stopped = await sandbox.run('stop', 'count', '--savepoint');
  assert.equal(stopped.code, 0, stopped.stderr);
  const location = /--restore (\S+)/.exec(stopped.stdout)?.[1];
  assert.ok(location !== undefined && existsSync(location), stopped.stdout);
  const { code, stdout } = await first.ended;
  assert.deepEqual([code, parseLines(stdout).at(-1)?.['state']], [0, 'suspended']);
  assert.equal((await start('--restore', location).ended).code, 0);
  assertComplete();
});

test('without a checkpoint, and with one that does not fit, one clear error says so', async () => {
  const none = await start('--restore', 'latest').ended;
  assert.equal(none.code, 4);
  assert.match(none.stdout, /CHECKPOINT_NOT_FOUND/);
  const first = startSlow();
  await first.until(() => stored().length >= 1, 'checkpoint');
  assert.equal((await sandbox.run('stop', 'count', '--savepoint')).code, 0);
  await first.ended;
  const changed = sandbox.write('changed.ts', readFileSync(sandbox.job('count.ts'), 'utf8').replace("name: 'numbers'", "name: 'figures'"));
  const args = ['run', changed, '--set', `output=${sandbox.path('out.jsonl')}`, '--set', `count=${records}`, '--json', '--restore', 'latest'];
  const misfit = await sandbox.run(...args);
  assert.equal(misfit.code, 3);
  assert.match(misfit.stdout, /STATE_MISMATCH.*operator 'numbers' \(source\) has state and is not in the graph \(new there: 'figures' \(source\)\)/);
  assert.equal((await sandbox.run(...args, '--allow-dropped-state')).code, 0);
});
