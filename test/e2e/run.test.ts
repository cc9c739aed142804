import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { parseLines, readLines, Sandbox } from './millrace.js';

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox.close());

/** A file sink has begun to write; the file gets its own name at the end. */
const isBegun = (path: string): boolean => existsSync(`${path}.inprogress`);

test('a job runs to its end; with --json the last line is the summary', async () => {
  const output = sandbox.path('out.jsonl');
  const { code, stdout, stderr } = await sandbox.run('run', sandbox.job('count.ts'), '--set', `output=${output}`, '--json');
  assert.equal(code, 0, stderr);
  const events = parseLines(stdout);
  assert.equal(events[0]?.event, 'started');
  assert.equal(events.at(-1)?.event, 'summary');
  assert.equal(events.at(-1)?.state, 'finished');
  assert.equal(readLines(output).length, 1_000);
});

test('piped output is plain lines, without control characters', async () => {
  const { code, stdout, stderr } = await sandbox.run('run', sandbox.job('count.ts'), '--set', `output=${sandbox.path('out.jsonl')}`);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stdout + stderr, /\u001b/);
  assert.match(stderr, /job count finished after/);
});

test('a user function that throws ends the job with the exit code of USER_FUNCTION and names operator and cause', async () => {
  const { code, stderr } = await sandbox.run('run', sandbox.job('count.ts'), '--set', `output=${sandbox.path('out.jsonl')}`, '--set', 'failAt=500');
  assert.equal(code, 5, stderr);
  assert.match(stderr, /USER_FUNCTION .*number 500 is not welcome/);
  assert.match(stderr, /count\.ts:\d+/);
});

test('wrong parameters are reported all at once, before anything starts', async () => {
  const { code, stderr } = await sandbox.run('run', sandbox.job('count.ts'), '--set', 'count=many', '--set', 'colour=red');
  assert.equal(code, 2);
  assert.match(stderr, /PARAM_INVALID/);
  for (const part of [/output: missing/, /count: .*many/, /colour: no such parameter/]) assert.match(stderr, part);
});

test('run --help of a job shows its parameters', async () => {
  const { code, stdout, stderr } = await sandbox.run('run', sandbox.job('count.ts'), '--help');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /Usage: millrace run <job>/);
  assert.match(stdout, /Parameters of count\n/);
  assert.match(stdout, /--set output=<string> .*\(required\)/);
  assert.match(stdout, /--set count=<int32> .*\(default 1000\)/);
  assert.equal((await sandbox.run('run', '--help')).code, 0);
  assert.equal((await sandbox.run('run')).code, 2);
});

test('a job file that does not exist is one clear error', async () => {
  const { code, stderr } = await sandbox.run('run', 'nowhere/job.ts');
  assert.equal(code, 2);
  assert.match(stderr, /JOB_NOT_LOADED .*nowhere\/job\.ts/);
});

test('a running job can be found, looked at and stopped by name; its output is complete', async () => {
  const output = sandbox.path('out.jsonl');
  const job = sandbox.start('run', sandbox.job('count.ts'), '--set', `output=${output}`, '--set', 'count=2000000000', '--set', 'rate=2000', '--json');
  await job.until(() => isBegun(output), 'output', 10_000);
  const status = await sandbox.run('status', 'count', '--json');
  assert.equal(status.code, 0, status.stderr);
  const shown = JSON.parse(status.stdout) as { name: string; state: string; operators: unknown[] };
  assert.equal(shown.state, 'running');
  assert.ok(shown.operators.length >= 3);
  const second = await sandbox.run('run', sandbox.job('count.ts'), '--set', `output=${output}`);
  assert.match(second.stderr, /JOB_EXISTS/);
  const stop = await sandbox.run('stop', 'count', '--json');
  assert.equal(stop.code, 0, stop.stderr);
  const { code, stdout } = await job.ended;
  assert.equal(code, 0);
  assert.equal(parseLines(stdout).at(-1)?.state, 'finished');
  const source = (parseLines(stdout).at(-1)?.operators as { kind: string; recordsOut: number }[]).find((operator) => operator.kind === 'source');
  assert.equal(readLines(output).length, source?.recordsOut);
  assert.equal((await sandbox.run('status')).stdout.trim(), 'no job is running');
  const logs = await sandbox.run('logs', 'count');
  assert.equal(logs.code, 0, logs.stderr);
});

test('scale changes an operator of a running job and loses or repeats nothing', async () => {
  const output = sandbox.path('out.jsonl');
  const job = sandbox.start('run', sandbox.job('count.ts'), '--set', `output=${output}`, '--set', 'count=2000000000', '--set', 'rate=4000', '--json');
  await job.until(() => isBegun(output), 'output', 10_000);
  const scaled = await sandbox.run('scale', 'reduce=3');
  assert.equal(scaled.code, 0, scaled.stderr);
  assert.match(scaled.stdout, /reduce now has 3 subtasks/);
  const wrong = await sandbox.run('scale', 'nobody=3', '--json');
  assert.equal(wrong.code, 2, wrong.stderr);
  const { error } = JSON.parse(wrong.stdout) as { error: { code: string; message: string } };
  assert.match(`${error.code} ${error.message}`, /OPTION_INVALID .*nobody.*reduce/s);
  assert.equal((await sandbox.run('stop')).code, 0);
  const { code, stdout, stderr } = await job.ended;
  assert.equal(code, 0, stderr);
  const operators = parseLines(stdout).at(-1)?.operators as { uid: string; kind: string; recordsOut: number; parallelism: number }[];
  assert.equal(operators.find(({ uid }) => uid === 'reduce')?.parallelism, 3);
  const numbers = readLines(output).map((row) => row.n as number);
  assert.deepEqual(
    numbers.sort((x, y) => x - y),
    Array.from({ length: operators.find(({ kind }) => kind === 'source')!.recordsOut }, (_, i) => i),
  );
});

test('Ctrl-C drains once', async () => {
  const output = sandbox.path('out.jsonl');
  const job = sandbox.start('run', sandbox.job('count.ts'), '--set', `output=${output}`, '--set', 'count=2000000000', '--set', 'rate=2000', '--json');
  await job.until(() => isBegun(output), 'output', 10_000);
  job.kill('SIGINT');
  const { code, stdout } = await job.ended;
  assert.equal(code, 0);
  assert.equal(parseLines(stdout).at(-1)?.state, 'finished');
});

test('cancel ends a job at once with exit code 130', async () => {
  const output = sandbox.path('out.jsonl');
  const job = sandbox.start('run', sandbox.job('count.ts'), '--set', `output=${output}`, '--set', 'count=2000000000', '--set', 'rate=2000', '--json');
  await job.until(() => isBegun(output), 'output', 10_000);
  assert.equal((await sandbox.run('cancel', 'count')).code, 0);
  const { code, stdout } = await job.ended;
  assert.equal(code, 130);
  assert.equal(parseLines(stdout).at(-1)?.state, 'cancelled');
});
