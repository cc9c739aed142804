import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { CheckpointStore, JobCut } from '../../../../src/stream/checkpoint.js';
import { restartStrategy, type RestartSettings } from '../../../../src/stream/restart-options.js';
import { finalCut } from '../../../../src/stream/subtask.js';
import { assertExact, assertExactSoFar, committedBy } from './support/committed.js';
import type { Side } from './support/regions-job.js';
import { startJob, type Started, type StartOptions } from './support/start.js';

/** Goes on until the job is stopped. */
const endless = { count: 1e9, splits: 6, batchRows: 20, keys: 37, pauseMs: 1, watermarks: true };
const restart: RestartSettings = { otherwise: restartStrategy.parse({ strategy: 'fixedDelay', attempts: 3, delay: 1 }), roles: {} };
const cuts = { everyMs: 10, store: undefined };
const operators = ['numbers', 'middle', 'sink'];

function start(left: Partial<Side>, right: Partial<Side> = {}, options: StartOptions = {}): Promise<Started> {
  const side = (of: Partial<Side>): string => JSON.stringify({ numbers: endless, ...of });
  // Channels in which little lies: else the sources run far ahead.
  const engine = { cancelTimeoutMs: 300, channelBytes: 64 * 1024 };
  return startJob('regions-job.js', { left: side(left), right: side(right) }, { restart, checkpoints: cuts, engine, ...options });
}

/** Attempts in which subtasks of a side have opened, each at most once. */
function opens(started: Started, side: string): number[] {
  const reports = started.reports.filter(({ uid, channel }) => uid.startsWith(side) && channel === 'open');
  const once = new Set(reports.map(({ uid, subtask, attempt }) => `${uid} ${subtask} ${attempt}`));
  assert.equal(once.size, reports.length);
  return [...new Set(reports.map(({ attempt }) => attempt))].sort((a, b) => a - b);
}

/** Cuts that the sink of a side has committed in an attempt. */
function completed(started: Started, side: string, attempt: number): number[] {
  const reports = started.reports.filter(({ uid, channel, attempt: of }) => uid === `${side}-sink` && channel === 'complete' && of === attempt);
  return reports.map(({ value }) => value as number).filter((cut) => cut !== finalCut);
}

/** Both sides commit a cut that was taken after the restart of left. */
function goesOn(started: Started, attempt: number): Promise<void> {
  return started.until(() => {
    if (started.reports.at(-1)?.channel !== 'complete') return false;
    const [cut] = completed(started, 'left', attempt);
    return cut !== undefined && completed(started, 'right', 0).some((other) => other >= cut);
  });
}

function warnings(started: Started): string[] {
  return started.logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
}

function assertExactSides(started: Started): void {
  for (const side of ['left', 'right']) assertExactSoFar(committedBy(started, `${side}-sink`), endless.splits);
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-regions-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

for (const how of ['throw', 'exit', 'spin'] as const) {
  test(`a region whose subtask ends by '${how}' goes back to the last cut alone: the other runs on, and each record counts once`, async () => {
    const started = await start({
      failEvery: [
        { at: 0, how, afterCut: true },
        { at: 0, how, afterCut: true },
      ],
    });
    await goesOn(started, 2);
    const { regions, state, restarts, attempt } = started.job.status();
    assert.deepEqual([state, restarts, attempt], ['running', 2, 2]);
    assert.deepEqual(
      regions?.map((region) => [region.name, region.state, region.restarts]),
      [
        ['left-numbers', 'running', 2],
        ['right-numbers', 'running', 0],
      ],
    );
    assert.deepEqual(regions[1]?.operators, ['right-numbers', 'right-middle', 'right-sink']);
    assert.equal(regions[0]?.error?.code, how === 'exit' ? 'THREAD_LOST' : 'USER_FUNCTION');
    assert.equal(regions[1]?.error, undefined);
    const counted = started.job.metrics().filter(({ name }) => name === 'millrace_region_restarts_total');
    assert.deepEqual(
      counted.map(({ labels, value }) => [labels['region'], value]),
      [
        ['left-numbers', 2],
        ['right-numbers', 0],
      ],
    );
    const summary = await started.job.stop();
    assert.equal(summary.restarts, 2);
    assert.deepEqual([opens(started, 'left'), opens(started, 'right')], [[0, 1, 2], [0]]);
    assertExactSides(started);
    const said = warnings(started);
    assert.equal(said.filter((message) => /^region 'left-numbers' restarts from cut \d+ in 1 ms: /.test(message)).length, 2, said.join('\n'));
  });
}

test('a region that fails while a cut is taken takes the cut along, and nothing else: the next one works', async () => {
  const started = await start({ failsInCut: 2 }, { holdsCut: 2 });
  await goesOn(started, 1);
  await started.job.stop();
  assert.deepEqual([opens(started, 'left'), opens(started, 'right')], [[0, 1], [0]]);
  assert.deepEqual(started.values('right-middle', 'abort'), [2, 2]);
  assert.ok(![...completed(started, 'left', 0), ...completed(started, 'right', 0)].includes(2), 'nobody commits what was aborted');
  const said = warnings(started).filter((message) => message.includes('restarts'));
  assert.equal(said.length, 1);
  assert.match(said[0] as string, /^region 'left-numbers' restarts from cut 1 in 1 ms: left-middle \(subtask \d of 2\): fails in a cut$/);
  assertExactSides(started);
});

test('before the first cut a region restarts from the beginning, the other runs on', async () => {
  const started = await start({ failEvery: [{ at: 1_000, how: 'throw' }] }, {}, { checkpoints: { everyMs: 600_000, store: undefined } });
  await started.until(() => started.reports.some(({ uid, channel, attempt }) => uid === 'left-numbers' && channel === 'read' && attempt === 1));
  await started.job.stop();
  assert.deepEqual([opens(started, 'left'), opens(started, 'right')], [[0, 1], [0]]);
  assertExactSides(started);
});

test('what has ended waits for the region that restarts, and commits with it', async (t) => {
  const file = join(folder(t), 'fail');
  const right = { ...endless, count: 2_000 };
  const started = await start({ failsWith: file }, { numbers: right });
  await started.until(() => started.values('right-middle', 'ended').length === 2);
  writeFileSync(file, '');
  await started.until(() => started.values<number>('left-sink', 'open').includes(1));
  await started.job.stop();
  assert.deepEqual([opens(started, 'left'), opens(started, 'right')], [[0, 1], [0]]);
  assertExactSoFar(committedBy(started, 'left-sink'), endless.splits);
  assertExact(committedBy(started, 'right-sink'), right.count, right.keys);
});

test('while a region restarts, savepoints and scaling wait for it', async (t) => {
  const file = join(folder(t), 'fail');
  const cutsWritten: JobCut[] = [];
  const store: CheckpointStore = {
    write: (cut) => {
      cutsWritten.push(cut);
      return Promise.resolve({ number: cut.number, kind: cut.kind, location: 'memory', takenAtMs: cut.takenAtMs, writeMs: 0, bytes: 0 });
    },
  };
  const slow: RestartSettings = { otherwise: restartStrategy.parse({ strategy: 'fixedDelay', attempts: 3, delay: 400 }), roles: {} };
  const started = await start({ failsWith: file }, {}, { restart: slow, checkpoints: { everyMs: undefined, store } });
  await started.job.savepoint();
  writeFileSync(file, '');
  await restarting(started);
  assert.equal(started.job.status().regions?.[1]?.state, 'running');
  const saved = started.job.savepoint();
  const scaled = started.job.scale('right-middle', 3);
  const { number } = await saved;
  assert.equal(started.job.status().restarts, 1);
  assert.deepEqual(
    cutsWritten.find((cut) => cut.number === number)?.operators.map(({ uid }) => uid),
    ['left', 'right'].flatMap((side) => operators.map((name) => `${side}-${name}`)),
  );
  await scaled;
  assert.equal(started.job.status().operators.find(({ uid }) => uid === 'right-middle')?.parallelism, 3);
  await started.job.stop();
  assertExactSides(started);
});

test('a stop drains the other regions at once, and a cancel ends all of them, while one waits for its restart', async (t) => {
  const file = join(folder(t), 'fail');
  const slow: RestartSettings = { otherwise: restartStrategy.parse({ strategy: 'fixedDelay', attempts: 3, delay: 3_600_000 }), roles: {} };
  const started = await start({ failsWith: file }, {}, { restart: slow });
  writeFileSync(file, '');
  await restarting(started);
  const stopped = started.job.stop();
  await started.until(() => started.values('right-middle', 'ended').length === 2);
  assert.equal(started.job.state, 'restarting');
  await started.job.cancel();
  await assert.rejects(
    stopped.then(({ state }) => Promise.reject(new Error(state))),
    /cancelled/,
  );
});

test('where the limit is reached the job fails with the first cause of the region, and all of it ends', async () => {
  // After a cut, so that the other region runs.
  const failEvery = [0, 1, 2, 3].map((at) => ({ at, how: 'throw', afterCut: true }) as const);
  const started = await start({ failEvery });
  await assert.rejects(started.job.finished, (error: Error) => {
    assert.match(error.message, /attempt 0 ends at 0 \(restarted 3 times, the limit is 3 restarts; the last failure was: .*attempt 3 ends at 3\)/);
    return true;
  });
  assert.equal(started.job.state, 'failed');
  assert.deepEqual(started.values('right-numbers', 'open'), [0]);
});

async function restarting(started: Started): Promise<void> {
  while (started.job.state !== 'restarting') {
    assert.notEqual(started.job.state, 'failed');
    await new Promise(setImmediate);
  }
}
