import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { strToU8, zipSync } from 'fflate';
import type { LogRecord, MillraceError } from '../../../../src/core/index.js';
import { createFlinkEngine, type FlinkJob } from '../../../../src/engines/flink/index.js';
import type { FlinkEngineOptions } from '../../../../src/engines/flink/options.js';
import { t } from '../../../../src/memory/schema.js';
import { buildGraph, defineJob, type JobSubmission } from '../../../../src/stream/index.js';
import { emptySink, emptySource } from '../../stream/test-connectors.js';
import { RestServer } from './rest-server.js';

const folder = mkdtempSync(join(tmpdir(), 'millrace-flink-job-'));
const jar = join(folder, 'bridge.jar');
const bundle = join(folder, 'job.mjs');
before(() => {
  writeFileSync(jar, zipSync({ 'a.class': strToU8('x') }));
  writeFileSync(bundle, '// a job');
});
after(() => rmSync(folder, { recursive: true }));

const definition = defineJob({
  name: 'flights',
  build: ({ source }) => {
    source(emptySource({ delay: t.int32() }, { maxParallelism: 1 }))
      .map((row) => row, { name: 'twice', parallelism: 2 })
      // Declared alike, and so always one chain.
      .to(emptySink(), { parallelism: 2 });
  },
});

/** An exchange on both sides of `twice`: it is a chain of its own at any parallelism. */
const exchanged = defineJob({
  name: 'flights',
  build: ({ source }) => {
    source(emptySource({ delay: t.int32() }, { maxParallelism: 1 }))
      .rebalance()
      .map((row) => row, { name: 'twice', parallelism: 2 })
      .rebalance()
      .to(emptySink());
  },
});

let server: RestServer;
let logged: LogRecord[];
beforeEach(async () => {
  logged = [];
  server = await RestServer.start();
  server
    .on('GET /config', { body: { 'flink-version': '2.2.0' } })
    .on('POST /jars/upload', { body: { status: 'success', filename: '/tmp/flink-web/abc_flights.jar' } })
    .on('POST /jars/abc_flights.jar/run', { body: { jobid: 'j1' } })
    .on('DELETE /jars/abc_flights.jar', { body: {} });
  running('j1');
});
afterEach(() => server.close());

const names = ['Source: keep-alive -> list', 'twice -> collect'];

function details(id: string, state: string, tasks: readonly Readonly<Record<string, number>>[] = [{ RUNNING: 1 }, { RUNNING: 2 }]): object {
  const vertices = names.map((name, i) => ({ id: `v${i}`, name, parallelism: i + 1, tasks: tasks[i], metrics: {} }));
  return { jid: id, name: 'flights', state, 'start-time': 1, duration: 2, vertices };
}

const noCheckpoints = { counts: { completed: 0, failed: 0 }, latest: { completed: null, savepoint: null, failed: null } };

/** A job of which all subtasks run. */
function running(id: string): void {
  server
    .on(`GET /jobs/${id}`, { body: details(id, 'RUNNING') })
    .on(`GET /jobs/${id}/checkpoints`, { body: noCheckpoints })
    .on(`GET /jobs/${id}/exceptions`, { body: {} })
    .on(`GET /jobs/${id}/metrics`, { body: [{ id: 'numRestarts', value: '0' }] });
  for (const vertex of ['v0', 'v1']) server.on(`GET /jobs/${id}/vertices/${vertex}/subtasks/metrics`, { body: [] });
}

function submission(): JobSubmission {
  return {
    ...{ id: 'a1', name: 'flights', graph: buildGraph(definition, {}), bundle: { path: bundle, hash: 'h' }, params: {} },
    ...{ parallelism: 2, keyGroups: 128, overrides: {}, log: (record) => logged.push(record) },
  };
}

function submit(options: Partial<FlinkEngineOptions> = {}, more: Partial<JobSubmission> = {}): Promise<FlinkJob> {
  return createFlinkEngine({ address: server.address, jar, pollIntervalMs: 10, ...options }).submit({ ...submission(), ...more });
}

async function failure(work: Promise<unknown>): Promise<MillraceError> {
  return work.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown as MillraceError,
  );
}

const savepointCheckpoint = { id: 7, is_savepoint: true, trigger_timestamp: 9, end_to_end_duration: 3, state_size: 100, external_path: 'file:/s/sp-7' };

/** Flink ends the job by a stop: with its savepoint. */
function stoppable(id: string): void {
  server
    .on(`POST /jobs/${id}/stop`, { status: 202, body: { 'request-id': 'r' } })
    .on(`GET /jobs/${id}/savepoints/r`, { body: { status: { id: 'COMPLETED' }, operation: { location: 'file:/s/sp-7' } } })
    .on(`GET /jobs/${id}/checkpoints`, {
      body: { counts: { completed: 1, failed: 0 }, latest: { completed: null, savepoint: savepointCheckpoint, failed: null } },
    });
}

test('a job is uploaded, run, watched until Flink has finished it, and its jar is removed', async () => {
  server.on(
    'GET /jobs/j1',
    { body: details('j1', 'RUNNING', [{ SCHEDULED: 1 }, { DEPLOYING: 2 }]) },
    { body: details('j1', 'RUNNING') },
    { body: details('j1', 'FINISHED') },
  );
  const job = await submit();
  assert.equal(job.state, 'starting');
  const summary = await job.finished;
  assert.equal(summary.state, 'finished');
  assert.equal(summary.id, 'a1');
  assert.deepEqual(
    summary.operators.map(({ name, parallelism }) => [name, parallelism]),
    [
      ['list', 1],
      ['twice', 2],
      ['collect', 2],
    ],
  );
  assert.deepEqual(JSON.parse(server.calls('POST /jars/abc_flights.jar/run')[0]!.body), { entryClass: 'millrace.flink.MillraceJob' });
  assert.equal(server.calls('DELETE /jars/abc_flights.jar').length, 1);
  assert.match(server.calls('POST /jars/upload')[0]!.body, /name="jarfile"; filename="flights.jar"/);
  // Nothing to cancel any more.
  await job.cancel();
  assert.equal(server.calls('PATCH /jobs/j1').length, 0);
});

test('metrics of the bridge are the status of operators', async () => {
  const of = (name: string, sum: number, more: { avg?: number; min?: number } = {}): object => ({
    id: `twice_->_collect.millrace.${name}`,
    sum,
    avg: sum / 2,
    min: 0,
    ...more,
  });
  server.on('GET /jobs/j1/vertices/v1/subtasks/metrics', {
    body: [
      of('twice_records_in_total', 10),
      of('twice_records_out_total', 8),
      of('collect_records_in_total', 8),
      of('collect_watermark_seconds', 9, { min: 4 }),
      of('twice_loss', 3),
      of('chain_busy_seconds_total', 1),
      { id: 'twice.numRecordsIn', sum: 4, avg: 2, min: 1 },
    ],
  });
  const job = await submit();
  await job.seen;
  const [, twice, collect] = job.status().operators;
  assert.deepEqual([twice?.recordsIn, twice?.recordsOut, twice?.metrics['loss']], [10, 8, 1.5]);
  assert.deepEqual([collect?.recordsIn, collect?.watermark], [8, 4000]);
  const busy = job.metrics().find(({ name }) => name === 'millrace_busy_seconds_total');
  assert.deepEqual(busy?.labels, { job: 'flights', chain: 'twice -> collect' });
  await job.detach();
});

test('a job that fails rejects with the error that the bridge passed on', async () => {
  const encoded = { code: 'USER_FUNCTION', message: 'twice (1/2): boom', details: {} };
  server.on('GET /jobs/j1', { body: details('j1', 'FAILED') }).on('GET /jobs/j1/exceptions', {
    body: { exceptionHistory: { entries: [{ timestamp: 5, taskName: 'twice (1/2)', stacktrace: `a.B: x\nMILLRACE ${JSON.stringify(encoded)}\n\tat y` }] } },
  });
  const job = await submit();
  const error = await failure(job.finished);
  assert.deepEqual([error.code, error.message], ['USER_FUNCTION', 'twice (1/2): boom']);
  assert.equal(job.state, 'failed');
  assert.deepEqual(job.status().error, { code: 'USER_FUNCTION', message: 'twice (1/2): boom' });
});

test('stop drains: event time ends, and what is left is finished', async () => {
  const job = await submit({ checkpointDirectory: '/checkpoints' });
  await job.seen;
  stoppable('j1');
  server.on('GET /jobs/j1', { body: details('j1', 'FINISHED') });
  assert.equal((await job.stop()).state, 'finished');
  assert.deepEqual(JSON.parse(server.calls('POST /jobs/j1/stop')[0]!.body), { drain: true, targetDirectory: 'file:///checkpoints/savepoints' });
});

test('suspend leaves a savepoint to go on from', async () => {
  const job = await submit();
  await job.seen;
  stoppable('j1');
  server.on('GET /jobs/j1', { body: details('j1', 'FINISHED') });
  const summary = await job.suspend('s3://bucket/here');
  assert.equal(summary.state, 'suspended');
  assert.deepEqual(summary.checkpoints.last, { number: 7, kind: 'savepoint', location: 'file:///s/sp-7', takenAtMs: 9, writeMs: 3, bytes: 100 });
  assert.deepEqual(JSON.parse(server.calls('POST /jobs/j1/stop')[0]!.body), { drain: false, targetDirectory: 's3://bucket/here' });
});

test('a stop that Flink refuses leaves the job running', async () => {
  const job = await submit();
  await job.seen;
  const refusal = 'org.apache.flink.runtime.rest.handler.RestHandlerException: Config key [execution.checkpointing.savepoint-dir] is not set.\n\tat x';
  server.on('POST /jobs/j1/stop', { status: 400, body: { errors: [refusal] } });
  assert.match((await failure(job.stop())).message, /savepoint-dir\] is not set/);
  assert.equal(job.state, 'running');
  await job.detach();
});

test('scale stops the job with a savepoint and runs it again from there, under its own id', async () => {
  const moved: unknown[] = [];
  const engine = createFlinkEngine({ address: server.address, jar, pollIntervalMs: 10 });
  const job = await engine.submit({ ...submission(), graph: buildGraph(exchanged, {}) }, (...change) => moved.push(change));
  await job.seen;
  stoppable('j1');
  running('j2');
  server.on('GET /jobs/j1', { body: details('j1', 'FINISHED') }).on('POST /jars/abc_flights.jar/run', { body: { jobid: 'j2' } });
  server.on('GET /jobs/j2', { body: { ...details('j2', 'RUNNING'), vertices: [] } });
  await job.scale('twice', 3);
  assert.deepEqual([job.id, job.flinkId, job.state], ['a1', 'j2', 'running']);
  assert.deepEqual(moved, [['j2', { twice: 3 }]]);
  const { savepointPath, claimMode } = JSON.parse(server.calls('POST /jars/abc_flights.jar/run')[1]!.body) as Record<string, string>;
  assert.deepEqual([savepointPath, claimMode], ['file:/s/sp-7', 'CLAIM']);
  assert.equal(job.status().operators.find(({ name }) => name === 'twice')?.parallelism, 3);
  assert.equal(job.status().attempt, 1);
  await job.detach();
});

test('a job that cannot be run again after scale says where its state is', async () => {
  const job = await submit({}, { graph: buildGraph(exchanged, {}) });
  await job.seen;
  stoppable('j1');
  server.on('GET /jobs/j1', { body: details('j1', 'FINISHED') });
  server.on('POST /jars/abc_flights.jar/run', { status: 500, body: { errors: ['java.lang.IllegalArgumentException: no\n\tat x'] } });
  await failure(job.scale('twice', 3));
  assert.match((await failure(job.finished)).message, /its state is in file:\/s\/sp-7: go on with --restore file:\/s\/sp-7/);
});

test('a job that waits for slots longer than it may is cancelled, with what it wants and what there is', async () => {
  server
    .on('GET /jobs/j1', { body: details('j1', 'RUNNING', [{ SCHEDULED: 1 }, { SCHEDULED: 2 }]) })
    .on('GET /taskmanagers', { body: { taskmanagers: [{ id: 'a:1' }, { id: 'b' }] } })
    // It holds one of the three slots that are not free itself.
    .on('GET /taskmanagers/a%3A1', { body: { slotsNumber: 2, freeSlots: 0, allocatedSlots: [{ jobId: 'j1' }, { jobId: 'other' }] } })
    .on('GET /taskmanagers/b', { body: { slotsNumber: 1, freeSlots: 0, allocatedSlots: [{ jobId: 'other' }] } })
    .on('PATCH /jobs/j1', { status: 202, body: {} });
  const error = await failure((await submit({ slotTimeoutMs: 20 })).finished);
  assert.equal(error.code, 'RESOURCE_EXHAUSTED');
  assert.match(error.message, /has waited 20 ms for slots .*: it needs 2, and 1 of 3 are free on 2 TaskManagers; add TaskManagers or slots/);
  assert.deepEqual(error.details, { needed: 2, free: 1, total: 3 });
  assert.equal(server.calls('PATCH /jobs/j1').length, 1);
});

test('a job that Flink itself gave no slots says the same', async () => {
  const said = 'org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Could not acquire the minimum required resources.';
  server
    .on('GET /jobs/j1', { body: details('j1', 'FAILED', [{ FAILED: 1 }, { CANCELED: 2 }]) })
    .on('GET /jobs/j1/exceptions', { body: { exceptionHistory: { entries: [{ timestamp: 5, stacktrace: `${said}\n\tat x` }] } } })
    .on('GET /taskmanagers', { body: { taskmanagers: [{ id: 'b' }] } })
    .on('GET /taskmanagers/b', { body: { slotsNumber: 1, freeSlots: 1 } });
  const error = await failure((await submit()).finished);
  assert.equal(error.code, 'RESOURCE_EXHAUSTED');
  assert.match(error.message, /got no slots on Flink at .*: it needs 2, and 1 of 1 are free on 1 TaskManagers/);

  server.on('GET /taskmanagers/b', { status: 404, body: { errors: ['gone'] } });
  assert.match((await failure((await submit()).finished)).message, /Could not acquire the minimum required resources/);
});

test('a JobManager that is away for a moment is waited for, one that has forgotten the job is not', async () => {
  const away = { status: 503, body: { errors: ['leader election'] } };
  server.on('GET /jobs/j1', { body: details('j1', 'RUNNING') }, away, away, away, { body: details('j1', 'FINISHED') });
  assert.equal((await (await submit()).finished).state, 'finished');

  server.on('GET /jobs/j1', { body: details('j1', 'RUNNING') }, { status: 404, body: { errors: ['NotFoundException: Job j1 not found'] } });
  const job = await submit({ unreachableMs: 50 });
  const error = await failure(job.finished);
  assert.equal(error.code, 'JOB_NOT_FOUND');
  assert.match(error.message, /does not know job flights \(j1\) any more.*high availability/);
  assert.equal(job.lost, error);
});

test('a restart is counted, and its cause is in the log and in the status', async () => {
  server
    .on('GET /jobs/j1/metrics', { body: [{ value: '0' }] }, { body: [{ value: '1' }] })
    .on('GET /jobs/j1/exceptions', { body: { exceptionHistory: { entries: [{ timestamp: 5, stacktrace: 'a.b.SomeException: it hiccuped\n\tat y' }] } } })
    .on('GET /jobs/j1', ...Array.from({ length: 3 }, () => ({ body: details('j1', 'RUNNING') })), { body: details('j1', 'CANCELED') });
  const job = await submit();
  const summary = await job.finished;
  assert.deepEqual([summary.state, summary.restarts], ['cancelled', 1]);
  assert.match(job.status().error?.message ?? '', /it hiccuped/);
  assert.match(logged.find(({ level }) => level === 'warn')?.message ?? '', /^Flink restarts the job from the beginning: .*it hiccuped/);
});

test('a restart is counted though metrics stand still, as they do while a TaskManager does not answer', async () => {
  server
    .on('GET /jobs/j1/exceptions', { body: {} }, { body: { exceptionHistory: { entries: [{ timestamp: 5, stacktrace: 'a.b.SomeException: gone' }] } } })
    .on('GET /jobs/j1', ...Array.from({ length: 3 }, () => ({ body: details('j1', 'RUNNING') })), { body: details('j1', 'CANCELED') });
  assert.equal((await (await submit()).finished).restarts, 1);
});

test('what the adaptive scheduler does is shown: another parallelism, and a restart that nothing was to blame for', async () => {
  const rescaled = { ...(details('j1', 'RUNNING') as { readonly vertices: readonly object[] }) };
  const vertices = rescaled.vertices.map((vertex, i) => (i === 1 ? { ...vertex, parallelism: 3, tasks: { RUNNING: 3 } } : vertex));
  server
    .on('GET /jobs/j1/metrics', { body: [{ value: '0' }] }, { body: [{ value: '1' }] })
    .on('GET /jobs/j1', ...Array.from({ length: 3 }, () => ({ body: { ...rescaled, vertices } })), { body: { ...rescaled, vertices, state: 'CANCELED' } });
  const job = await submit();
  await job.finished;
  const { restarts, error, operators } = job.status();
  assert.deepEqual([restarts, error], [1, undefined]);
  assert.equal(operators.find(({ uid }) => uid === 'twice')?.parallelism, 3);
  assert.ok(logged.some(({ level, message }) => level === 'info' && /restarts the job from the beginning to rescale it$/.test(message)));
});

test('nothing is uploaded to a version that is not supported', async () => {
  server.on('GET /config', { body: { 'flink-version': '1.18.0' } });
  assert.equal((await failure(submit())).code, 'UNSUPPORTED');
  assert.equal(server.calls('POST /jars/upload').length, 0);
});

test('latest is the newest cut of the newest job of that name that has one', async () => {
  server.on('GET /jobs/overview', {
    body: {
      jobs: [
        { jid: 'old', name: 'flights', state: 'CANCELED', 'start-time': 1 },
        { jid: 'new', name: 'flights', state: 'FAILED', 'start-time': 2 },
        { jid: 'other', name: 'trains', state: 'FAILED', 'start-time': 3 },
      ],
    },
  });
  const checkpoint = { ...savepointCheckpoint, id: 9, is_savepoint: false, external_path: 'file:/c/chk-9' };
  server.on('GET /jobs/new/checkpoints', {
    body: { counts: { completed: 2, failed: 0 }, latest: { completed: checkpoint, savepoint: savepointCheckpoint, failed: null } },
  });
  const job = await submit({ restoreFrom: 'latest' });
  await job.detach();
  const { savepointPath, claimMode } = JSON.parse(server.calls('POST /jars/abc_flights.jar/run')[0]!.body) as Record<string, string>;
  assert.deepEqual([savepointPath, claimMode], ['file:/c/chk-9', 'NO_CLAIM']);

  server.on('GET /jobs/overview', { body: { jobs: [] } });
  assert.equal((await failure(submit({ restoreFrom: 'latest' }))).code, 'CHECKPOINT_NOT_FOUND');
});
