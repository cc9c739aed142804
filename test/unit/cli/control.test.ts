import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ControlClient } from '../../../src/cli/control/control-client.js';
import { startControlServer } from '../../../src/cli/control/control-server.js';
import { isAttended, JobDirectory, type JobEntry } from '../../../src/cli/control/directory.js';
import { MillraceError } from '../../../src/core/index.js';
import type { CheckpointInfo } from '../../../src/stream/checkpoint.js';
import type { JobStatus, JobSummary, RunningJob } from '../../../src/stream/engine.js';

let path: string;
let directory: JobDirectory;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'millrace-cli-')), 'run');
  directory = new JobDirectory(path);
});
afterEach(() => rmSync(join(path, '..'), { recursive: true, force: true }));

function entry(id: string, name = 'job', pid = process.pid): JobEntry {
  return { id, name, pid, startedAtMs: 1, socket: join(path, `${id}.sock`), logFile: '/log', metricsUrl: undefined };
}

test('only its user may enter the directory of jobs, also where it was open before', () => {
  mkdirSync(path, { mode: 0o755 });
  directory.open();
  assert.equal(statSync(path).mode & 0o777, 0o700);
});

test('a job is found by its name and by a prefix of its id that is unique', () => {
  directory.open();
  directory.add(entry('aa11', 'first'));
  directory.add(entry('aa22', 'second'));
  assert.equal(directory.find('second').id, 'aa22');
  assert.equal(directory.find('aa1').id, 'aa11');
  const message = (find: () => unknown): string => {
    try {
      find();
    } catch (thrown) {
      return `${(thrown as MillraceError).code} ${(thrown as MillraceError).message}`;
    }
    return '';
  };
  assert.match(
    message(() => directory.find('aa')),
    /^JOB_NOT_FOUND .*several.*first \(aa11\), second \(aa22\)/,
  );
  assert.match(
    message(() => directory.find('third')),
    /^JOB_NOT_FOUND .*'third'.*first/,
  );
});

test('a job on Flink stays when its process is gone, and keeps what it was scaled to', () => {
  directory.open();
  const submission = { bundle: { path: '/b', hash: 'h' }, params: {}, parallelism: 1, keyGroups: 128, overrides: {}, everyMs: 1_000 };
  const flink = { flinkId: 'j1', detached: true, options: { address: 'http://localhost:8081', jar: '/jar' }, submission };
  directory.add({ ...entry('f1', 'flights', 2 ** 22 + 1), socket: undefined, flink });
  directory.resubmitted('f1', 'j2', { worker: 4 });
  const [found] = directory.list();
  assert.deepEqual(found?.flink, { ...flink, flinkId: 'j2', submission: { ...submission, overrides: { worker: 4 } } });
  assert.equal(isAttended(found), false);
  // Nobody has asked for it any more meanwhile.
  directory.remove('f1');
  directory.resubmitted('f1', 'j3', {});
  assert.deepEqual(directory.list(), []);
});

test('what a dead process left is cleared away', () => {
  directory.open();
  // Above the largest process id that Linux gives.
  directory.add(entry('dead', 'gone', 2 ** 22 + 1));
  writeFileSync(join(path, 'dead.sock'), '');
  assert.deepEqual(directory.list(), []);
  assert.equal(existsSync(join(path, 'dead.json')), false);
  assert.equal(existsSync(join(path, 'dead.sock')), false);
});

test('a runtime directory whose sockets would have too long a path is refused with the fix', () => {
  assert.throws(() => new JobDirectory(`/tmp/${'x'.repeat(120)}`).socketPath('aa11'), { code: 'OPTION_INVALID', message: /limit 107.*MILLRACE_RUNTIME_DIR/ });
});

const checkpoints = { completed: 0, failed: 0 };
const saved: CheckpointInfo = { number: 7, kind: 'savepoint', location: '/tmp/savepoint', takenAtMs: 1, writeMs: 2, bytes: 3 };
const status: JobStatus = { id: 'aa11', name: 'job', state: 'running', startedAtMs: 1, attempt: 0, operators: [], checkpoints, restarts: 0 };
const summary: JobSummary = { id: 'aa11', name: 'job', state: 'finished', durationMs: 5, operators: [], checkpoints, restarts: 0 };

/** A job that records what it is asked. */
function recordingJob(calls: string[]): RunningJob {
  return {
    id: 'aa11',
    name: 'job',
    state: 'running',
    finished: Promise.resolve(summary),
    status: () => status,
    metrics: () => [],
    stop: () => Promise.resolve(summary),
    suspend: (target) => {
      calls.push(`suspend ${target}`);
      return Promise.resolve({ ...summary, state: 'suspended' });
    },
    savepoint: (target) => {
      calls.push(`savepoint ${target}`);
      return Promise.resolve(saved);
    },
    cancel: () => {
      calls.push('cancel');
      return Promise.resolve();
    },
    scale: (target, parallelism) => {
      if (target === 'nobody') return Promise.reject(new MillraceError('OPTION_INVALID', 'no such operator', { details: { target } }));
      calls.push(`${target}=${parallelism}`);
      return Promise.resolve();
    },
  };
}

test('a client reaches a job through its socket, and gets its errors with code and details', async () => {
  directory.open();
  const calls: string[] = [];
  const server = await startControlServer(recordingJob(calls), directory.socketPath('aa11'));
  try {
    const client = new ControlClient(entry('aa11'));
    assert.deepEqual(await client.status(), status);
    await client.scale('worker', 4);
    await client.cancel();
    assert.deepEqual(await client.stop(), summary);
    assert.deepEqual([await client.savepoint(), await client.savepoint('/there')], [saved, saved]);
    assert.equal((await client.suspend('/there')).state, 'suspended');
    assert.deepEqual(calls, ['worker=4', 'cancel', 'savepoint undefined', 'savepoint /there', 'suspend /there']);
    await assert.rejects(client.scale('nobody', 1), { code: 'OPTION_INVALID', message: 'no such operator', details: { target: 'nobody' } });
  } finally {
    await server.close();
  }
  await assert.rejects(new ControlClient(entry('aa11')).status(), { code: 'UNAVAILABLE', message: /job \(aa11\) cannot be reached/ });
});
