import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { MillraceError } from '../../../../src/core/index.js';
import { FlinkCluster } from '../../../../src/engines/flink/cluster.js';
import { resolveFlinkEngineOptions, type FlinkEngineOptions } from '../../../../src/engines/flink/options.js';
import { RestServer } from './rest-server.js';

let server: RestServer;
beforeEach(async () => {
  server = await RestServer.start();
});
afterEach(() => server.close());

function cluster(more: Partial<FlinkEngineOptions> = {}): FlinkCluster {
  return new FlinkCluster(resolveFlinkEngineOptions({ address: server.address, jar: '/bridge.jar', ...more }));
}

async function failure(work: Promise<unknown>): Promise<MillraceError> {
  return work.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown as MillraceError,
  );
}

test('a cluster that does not answer is named, with what to check', async () => {
  const { address } = server;
  const it = cluster();
  await server.close();
  const error = await failure(it.checkVersion());
  assert.equal(error.code, 'UNAVAILABLE');
  assert.match(error.message, new RegExp(`no Flink cluster answers at ${address} \\(ECONNREFUSED\\); check that its JobManager runs .*rest\\.port`));
  server = await RestServer.start();
});

test('a cluster that is silent is given up at the deadline', async () => {
  server.silent.add('GET /config');
  const error = await failure(cluster({ requestTimeoutMs: 50 }).checkVersion());
  assert.equal(error.code, 'DEADLINE_EXCEEDED');
  assert.match(error.message, /GET \/config: no answer within 50 ms/);
});

for (const version of ['1.20.3', '2.0.0', '2.2.0', '2.3-SNAPSHOT'])
  test(`Flink ${version} is supported`, async () => {
    server.on('GET /config', { body: { 'flink-version': version } });
    assert.equal(await cluster().checkVersion(), version);
  });

for (const version of ['1.19.1', '1.9.0', '3.0.0', '0.10'])
  test(`Flink ${version} is refused, and the error says what is supported`, async () => {
    server.on('GET /config', { body: { 'flink-version': version } });
    const error = await failure(cluster().checkVersion());
    assert.equal(error.code, 'UNSUPPORTED');
    assert.ok(error.message.includes(`is version ${version}; Millrace runs on 1.20 and 2.x`));
  });

test('what answers otherwise than Flink is not taken for it', async () => {
  server.on('GET /config', { body: '<html>hello</html>' });
  assert.equal((await failure(cluster().checkVersion())).code, 'PROTOCOL');
  server.on('GET /config', { body: {} });
  assert.equal((await failure(cluster().checkVersion())).code, 'PROTOCOL');
  server.on('GET /config', { status: 500, body: 'oops' });
  assert.match((await failure(cluster().checkVersion())).message, /status 500, and not as Flink's REST answers/);
});

test('a JobManager that starts is one to ask again', async () => {
  server.on('GET /config', { status: 503, body: { errors: ['Service temporarily unavailable due to an ongoing leader election. Please refresh.'] } });
  const error = await failure(cluster().checkVersion());
  assert.equal(error.code, 'UNAVAILABLE');
  assert.equal(error.retryable, true);
});

test('user and password of the address are sent, and shown nowhere', async () => {
  server.on('GET /config', { body: { 'flink-version': '1.0' } });
  const it = cluster({ address: server.address.replace('http://', 'http://ann:se%40cret@') });
  const error = await failure(it.checkVersion());
  assert.equal(server.asked[0]?.headers.authorization, `Basic ${Buffer.from('ann:se@cret').toString('base64')}`);
  assert.ok(!error.message.includes('cret'));
  assert.equal(it.address, server.address);
});

for (const status of [401, 403])
  test(`who is not let in (${status}) hears where user and password go`, async () => {
    server.on('GET /config', { status, body: 'Unauthorized' });
    const error = await failure(cluster().checkVersion());
    assert.equal(error.code, 'FLINK');
    assert.match(error.message, /wants a user and a password.*https:\/\/user:password@host/);
  });

test('a server that answers by TLS alone says where; nobody is sent there unasked', async () => {
  server.on('GET /config', { status: 301, headers: { location: 'https://flink:8081/config' }, body: '' });
  const error = await failure(cluster().checkVersion());
  assert.equal(error.code, 'UNAVAILABLE');
  assert.match(error.message, /answers elsewhere \(status 301\): https:\/\/flink:8081\/config/);
});

test('TLS with a server that has none is refused with what to do', async () => {
  const error = await failure(cluster({ address: server.address.replace('http:', 'https:') }).checkVersion());
  assert.equal(error.code, 'UNAVAILABLE');
  assert.match(error.message, /it does not speak TLS there; use http:/);
});

test('a job that Flink does not know', async () => {
  server.on('GET /jobs/abc', { status: 404, body: { errors: ['org.apache.flink.runtime.rest.NotFoundException: Job abc not found'] } });
  const error = await failure(cluster().job('abc'));
  assert.equal(error.code, 'JOB_NOT_FOUND');
  assert.match(error.message, /Job abc not found/);
});

test('a savepoint is waited for, and what keeps it from being taken is the error', async () => {
  const path = 'GET /jobs/j/savepoints/r';
  server.on('POST /jobs/j/savepoints', { status: 202, body: { 'request-id': 'r' } });
  server.on(path, { body: { status: { id: 'IN_PROGRESS' } } }, { body: { status: { id: 'COMPLETED' }, operation: { location: 'file:/s/1' } } });
  assert.equal(await cluster().savepoint('j', 'file:///s'), 'file:/s/1');
  assert.deepEqual(JSON.parse(server.calls('POST /jobs/j/savepoints')[0]!.body), { 'cancel-job': false, 'target-directory': 'file:///s' });
  assert.equal(server.calls(path).length, 2);

  const stack =
    'java.util.concurrent.CompletionException: x\n\tat a.B.c(D.java:1)\nCaused by: org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint triggering task is not running.\n\tat a.B';
  server.on(path, { body: { status: { id: 'COMPLETED' }, operation: { 'failure-cause': { class: 'x', 'stack-trace': stack } } } });
  const error = await failure(cluster().savepoint('j', undefined));
  assert.equal(error.code, 'CUT_FAILED');
  assert.match(error.message, /CheckpointException: Checkpoint triggering task is not running/);
});

test('a stop that takes longer than its deadline', async () => {
  server.on('POST /jobs/j/stop', { status: 202, body: { 'request-id': 'r' } });
  server.on('GET /jobs/j/savepoints/r', { body: { status: { id: 'IN_PROGRESS' } } });
  const error = await failure(cluster({ savepointTimeoutMs: 1 }).stop('j', true, undefined));
  assert.equal(error.code, 'DEADLINE_EXCEEDED');
  assert.deepEqual(JSON.parse(server.calls('POST /jobs/j/stop')[0]!.body), { drain: true });
});

test('many metrics are asked for in several requests, each short enough for Flink', async () => {
  const names = Array.from({ length: 200 }, (_, i) => `operator-${i}.millrace.some_metric_with_a_name`);
  server.on('GET /jobs/j/vertices/v/subtasks/metrics', { body: [{ id: 'a', sum: 2, avg: 1, min: 0 }] });
  const values = await cluster().metricValues('j', 'v', names);
  assert.deepEqual(values.get('a'), { sum: 2, avg: 1, min: 0 });
  assert.ok(server.asked.length > 1);
  assert.ok(server.asked.every(({ query }) => query.length < 3_900));
  const asked = server.asked.flatMap(({ query }) => new URLSearchParams(query).get('get')?.split(',') ?? []);
  assert.deepEqual([...asked].sort(), [...names].sort());
});
