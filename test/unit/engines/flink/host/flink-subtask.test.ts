import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyGroupOf } from '../../../../../src/stream/state/key-groups.js';
import type { Pipeline } from '../../../../integration/engines/embedded/support/pipeline-job.js';
import { inner, kinds, type Chunk } from './java-peer.js';
import { BundleFolder, counting, Opened, openRequest, rowsOf, shown } from './opened.js';

const folder = new BundleFolder();
after(() => folder.remove());

const keyGroups = 16;
const counter = { vertex: 1, inputs: [{ edge: 0, channels: 1 }], outputs: [{ edge: 1, targets: 1 }] };
const single: Pipeline = { ...counting, middleParallelism: 1, startsChain: true, exchange: 'rebalance' };

test('a subtask counts what comes and gives each frame back when its outputs are handed over', async () => {
  const it = await Opened.open(single, folder, counter);
  it.rows([
    { key: 'a', n: 1 },
    { key: 'b', n: 2 },
    { key: 'a', n: 3 },
  ]);
  it.mark(inner.watermark, 7n);
  it.mark(inner.idle, 1n);
  const [data] = [await it.peer.got(kinds.DATA)];
  assert.deepEqual([data.edge, data.target, data.from, data.rows], [1, 0, 0, 3]);
  assert.deepEqual(
    rowsOf<{ key: string; count: number }>(data).map(({ key, count }) => `${key}${count}`),
    ['a1', 'b1', 'a2'],
  );
  await it.peer.until('the credits', () => it.peer.acknowledged === 3);
  assert.equal(shown(it.peer.of(kinds.DATA)), '3r w7 idle');
  await it.close();
  assert.equal(shown(it.peer.frames.slice(-1)), 'CLOSED');
});

test('what was emitted goes before the barrier, what comes later behind it, also where Java does not read', async () => {
  const big: Pipeline = { ...single, middle: 'pass' };
  const it = await Opened.open(big, folder, counter);
  it.peer.pause();
  const rows = Array.from({ length: 100 }, (_, n) => ({ key: 'x'.repeat(10_000), n }));
  for (let i = 0; i < 6; i++) it.rows(rows);
  it.barrier(1);
  it.rows([{ key: 'late', n: 1 }]);
  // Longer than the subtask would need if it did not hold: nothing may get lost or overtake.
  await sleep(100);
  assert.deepEqual(it.peer.of(kinds.PASSED), []);
  it.peer.resume();
  await it.peer.got(kinds.PASSED);
  await it.peer.until('all rows', () => it.peer.of(kinds.DATA).reduce((sum, frame) => sum + frame.rows, 0) === 601);
  const order = it.peer.of(kinds.DATA, kinds.PASSED);
  const passed = order.findIndex(({ kind }) => kind === kinds.PASSED);
  assert.equal(
    order.slice(0, passed).reduce((sum, frame) => sum + frame.rows, 0),
    600,
  );
  assert.equal(
    order.slice(passed + 1).reduce((sum, frame) => sum + frame.rows, 0),
    1,
  );
  await it.close();
});

test('a subtask whose outputs are held takes nothing more: its input keeps its credits', async () => {
  const it = await Opened.open({ ...single, middle: 'pass' }, folder, counter);
  it.peer.pause();
  const rows = Array.from({ length: 100 }, (_, n) => ({ key: 'x'.repeat(10_000), n }));
  for (let i = 0; i < 12; i++) it.rows(rows);
  await sleep(200);
  it.peer.resume();
  await it.peer.got(kinds.DATA, 12);
  await it.peer.until('all credits', () => it.peer.acknowledged === 12);
  let [taken, given] = [0, 0];
  for (const { kind, number } of it.peer.of(kinds.DATA, kinds.ACK)) {
    if (kind === kinds.DATA) given++;
    else taken += Number(number);
    assert.ok(taken <= given + 1, `${taken} frames were given back when ${given} had come out: at most one is held`);
  }
  assert.equal(given, 12);
  await it.close();
});

test('state goes out behind the barrier and comes back with another parallelism, each key group to its owner', async () => {
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
  const first = await Opened.open(single, folder, counter);
  first.rows(keys.map((key, n) => ({ key, n })));
  first.barrier(5);
  await first.peer.got(kinds.SNAPSHOT_DONE);
  const chunks = first.chunks(5);
  assert.ok(chunks.every(({ keyGroup }) => keyGroup >= 0));
  await first.close();

  const wide: Pipeline = { ...counting, middleParallelism: 2 };
  const shares = [chunks.filter(({ keyGroup }) => keyGroup < 8), chunks.filter(({ keyGroup }) => keyGroup >= 8)];
  for (const [index, share] of shares.entries()) {
    const it = await Opened.open(wide, folder, { ...counter, index, parallelism: 2, restoredId: 5 }, share);
    const own = keys.filter((key) => keyGroupOf(key, keyGroups) < 8 === (index === 0));
    it.rows(own.map((key, n) => ({ key, n })));
    const counts = rowsOf<{ count: number }>(await it.peer.got(kinds.DATA)).map(({ count }) => count);
    assert.deepEqual(
      counts,
      own.map(() => 2),
    );
    await it.close();
  }
});

test('a source reads by itself, ends its stream, and each later checkpoint gets its last state', async () => {
  const source = { vertex: 0, outputs: [{ edge: 0, targets: 2 }] };
  const it = await Opened.open(counting, folder, source);
  await it.peer.got(kinds.FINISHED);
  const data = it.peer.of(kinds.DATA);
  const rows = data.filter(({ flags }) => flags === inner.data);
  assert.equal(rows.flatMap((frame) => rowsOf(frame)).length, 100);
  for (const frame of rows) for (const { key } of rowsOf(frame)) assert.equal(Math.floor((keyGroupOf(key, keyGroups) * 2) / keyGroups), frame.target);
  for (const target of [0, 1]) assert.equal(shown(data.filter((frame) => frame.target === target)).endsWith('w! end'), true);
  it.barrier(3);
  await it.peer.got(kinds.SNAPSHOT_DONE);
  assert.equal(shown(it.peer.frames.slice(it.peer.frames.findIndex(({ kind }) => kind === kinds.FINISHED))).startsWith('FINISHED P3 SNAPSHOT'), true);
  assert.equal(it.chunks(3).filter(({ keyGroup }) => keyGroup === -1).length, 2, 'one for each split');
  it.barrier(4);
  await it.peer.got(kinds.SNAPSHOT_DONE, 2);
  assert.deepEqual(it.chunks(4), it.chunks(3));
  it.complete(4);
  assert.equal((await it.peer.got(kinds.COMMITTED)).number, 4n);
  it.complete(5);
  assert.equal((await it.peer.got(kinds.COMMITTED, 2)).number, 5n);
  assert.deepEqual(it.peer.of(kinds.CLOSED), [], 'not before it is told to');
  await it.close(true);
  assert.equal(it.peer.of(kinds.CLOSED).length, 1);
});

test('a source that was drained ends as if it had no more', async () => {
  const endless: Pipeline = { ...counting, numbers: { ...counting.numbers, count: 10_000_000, pauseMs: 1 } };
  const it = await Opened.open(endless, folder, { vertex: 0, outputs: [{ edge: 0, targets: 2 }] });
  await it.peer.got(kinds.DATA);
  it.peer.send({ kind: kinds.DRAIN });
  await it.peer.got(kinds.FINISHED);
  await it.close(true);
});

test('a source ends when the edge from the manager of its cluster does', async () => {
  const endless: Pipeline = { ...counting, numbers: { ...counting.numbers, count: 10_000_000, pauseMs: 1 } };
  // Edge 2 is not of the job's graph: Flink has it beside.
  const it = await Opened.open(endless, folder, { vertex: 0, inputs: [{ edge: 2, channels: 1 }], outputs: [{ edge: 0, targets: 2 }] });
  await it.peer.got(kinds.DATA);
  it.peer.send({ kind: kinds.END_INPUT, edge: 2 });
  await it.peer.got(kinds.FINISHED);
  await it.close(true);
});

test('a source goes on between barriers, from where its state says', async () => {
  const slow: Pipeline = { ...counting, numbers: { ...counting.numbers, splits: 1, pauseMs: 1 } };
  const place = { vertex: 0, outputs: [{ edge: 0, targets: 2 }] };
  const first = await Opened.open(slow, folder, place);
  await first.peer.got(kinds.DATA, 4);
  first.barrier(1);
  await first.peer.got(kinds.SNAPSHOT_DONE);
  await first.close();
  const order = first.peer.of(kinds.DATA, kinds.PASSED);
  const before = order
    .slice(
      0,
      order.findIndex(({ kind }) => kind === kinds.PASSED),
    )
    .flatMap((frame) => (frame.flags === inner.data ? rowsOf(frame) : []));
  const second = await Opened.open(slow, folder, { ...place, restoredId: 1 }, first.chunks(1));
  await second.peer.got(kinds.FINISHED);
  const after = second.peer.of(kinds.DATA).flatMap((frame) => (frame.flags === inner.data ? rowsOf(frame) : []));
  assert.deepEqual(
    [...before, ...after].map(({ n }) => n).sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, n) => n),
  );
  await second.close(true);
});

test('a sink commits when a checkpoint is complete, and what it wrote last with the first one after its end', async () => {
  const committing: Pipeline = { ...single, commits: true };
  const it = await Opened.open(committing, folder, { vertex: 2, inputs: [{ edge: 1, channels: 1 }] });
  it.rows([{ key: 'a', n: 1 }], { edge: 1 });
  it.barrier(1);
  await it.peer.got(kinds.SNAPSHOT_DONE);
  it.complete(1);
  assert.equal((await it.peer.got(kinds.COMMITTED)).number, 1n);
  it.mark(inner.endOfInput, 0n, { edge: 1 });
  await it.peer.got(kinds.FINISHED);
  it.barrier(2);
  await it.peer.got(kinds.SNAPSHOT_DONE, 2);
  it.complete(2);
  assert.equal((await it.peer.got(kinds.COMMITTED, 2)).number, 2n);
  await it.close(true);
});

test('the end that Flink sees itself ends what has not ended in band; a barrier behind it gets the last state', async () => {
  const it = await Opened.open(single, folder, counter);
  it.rows([{ key: 'a', n: 1 }]);
  it.peer.send({ kind: kinds.END_INPUT, edge: 0 });
  it.mark(inner.endOfInput);
  it.barrier(8);
  await it.peer.got(kinds.SNAPSHOT_DONE);
  await it.peer.until('all credits', () => it.peer.acknowledged === 2);
  const order = shown(it.peer.of(kinds.DATA, kinds.FINISHED, kinds.PASSED));
  assert.equal(order, '1r w! end FINISHED P8');
  await it.close();
});

test('an aborted checkpoint is not streamed to its end, and says so', async () => {
  const padded: Pipeline = { ...single, paddingBytes: 300_000 };
  const it = await Opened.open(padded, folder, counter);
  it.rows(Array.from({ length: 100 }, (_, n) => ({ key: `k${n}`, n })));
  await it.peer.got(kinds.DATA);
  it.peer.pause();
  it.barrier(1);
  it.peer.send({ kind: kinds.ABORTED, number: 1n });
  await sleep(50);
  it.peer.resume();
  const { payload } = await it.peer.got(kinds.DECLINED);
  assert.match(payload.toString(), /checkpoint 1 was aborted/);
  assert.deepEqual(it.peer.of(kinds.SNAPSHOT_DONE), []);
  it.barrier(2);
  await it.peer.got(kinds.SNAPSHOT_DONE);
  assert.equal(it.chunks(2).length, 16 + new Set(Array.from({ length: 100 }, (_, n) => keyGroupOf(`k${n}`, keyGroups))).size);
  await it.close();
});

test('an operator that throws is said once, with its name, and closes', async () => {
  const it = await Opened.open({ ...single, middle: 'throws' }, folder, counter);
  it.rows([{ key: 'a', n: 500 }]);
  const error = await it.peer.gotError();
  assert.deepEqual([error.code, error.again], ['USER_FUNCTION', true]);
  assert.match(error.message, /^middle: boom at 500/);
  await it.close();
  assert.equal(it.peer.of(kinds.ERROR).length, 1);
});

test('errors outside any call belong to the subtask', async () => {
  const it = await Opened.open(single, folder, counter);
  it.subtask.stray(new Error('a promise that nobody looked at'));
  const error = await it.peer.gotError();
  assert.match(error.message, /^middle: a promise that nobody looked at/);
  await it.close();
});

test('a subtask that cannot open says why', async () => {
  const it = await Opened.open({ ...single, middle: 'failsToOpen' }, folder, counter);
  assert.match((await it.peer.gotError()).message, /middle: cannot open/);
  assert.deepEqual(it.peer.of(kinds.READY), []);
  await it.close();
});

const refused: readonly [string, (request: Readonly<Record<string, unknown>>) => unknown, RegExp, string][] = [
  [
    'another version of the package',
    (request) => ({ ...request, millrace: '0.0.9' }),
    /submitted by millrace 0\.0\.9, the package on this TaskManager is millrace/,
    'VERSION_MISMATCH',
  ],
  ['another protocol', (request) => ({ ...request, protocol: 3 }), /a bridge of protocol 3, the package on this TaskManager is protocol 2/, 'VERSION_MISMATCH'],
  ['a field that is missing', (request) => ({ ...request, index: undefined }), /index: /, 'PROTOCOL'],
  ['an edge that is missing', (request) => ({ ...request, outputs: [] }), /without its output edge 1/, 'PROTOCOL'],
  [
    'another graph',
    (request) => ({ ...request, task: { ...(request['task'] as object), fingerprint: 'other', description: [] } }),
    /another graph than the first one: operator 1 is missing/,
    'GRAPH_DIFFERS',
  ],
  [
    'a bundle that is not there',
    (request) => ({ ...request, bundle: { path: '/nowhere/job.mjs', hash: 'beef'.repeat(16) } }),
    /\/nowhere\/job\.mjs/,
    'FILE_NOT_FOUND',
  ],
];

for (const [what, change, message, code] of refused) {
  test(`OPEN with ${what} is refused`, async () => {
    const it = await Opened.connect();
    it.start(change(openRequest(single, folder, counter)));
    const error = await it.peer.gotError();
    assert.equal(error.code, code);
    assert.match(error.message, message);
    await it.close();
  });
}

test('state of an operator that runs elsewhere now is refused', async () => {
  const stranger: Chunk = { keyGroup: 0, payload: Buffer.from([1, 0, 120, 1]) };
  const it = await Opened.open(single, folder, { ...counter, restoredId: 3 }, [stranger]);
  const error = await it.peer.gotError();
  assert.deepEqual([error.code, error.again], ['STATE_MISMATCH', false]);
  await it.close();
});

test('where the connection is cut, the subtask closes by itself', async () => {
  const it = await Opened.open(single, folder, counter);
  it.peer.cut();
  await it.subtask.done;
  await it.peer.close();
});

test('metrics of each operator come when it ends at the latest, as numbers', async () => {
  const it = await Opened.open(single, folder, counter);
  it.rows([{ key: 'a', n: 1 }]);
  it.peer.send({ kind: kinds.END_INPUT, edge: 0 });
  await it.peer.got(kinds.FINISHED);
  const metrics = JSON.parse(it.peer.of(kinds.METRICS).at(-1)?.payload.toString() ?? '[]') as { name: string; value: number; type: string }[];
  assert.deepEqual(
    metrics.find(({ name }) => name === 'middle.records_in_total'),
    { name: 'middle.records_in_total', type: 'counter', value: 1 },
  );
  assert.ok(metrics.some(({ name }) => name === 'chain.busy_seconds_total'));
  assert.ok(metrics.every(({ value }) => Number.isFinite(value)));
  await it.close(true);
});
