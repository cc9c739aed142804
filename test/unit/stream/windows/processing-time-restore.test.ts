import assert from 'node:assert/strict';
import { test } from 'node:test';
import { t } from '../../../../src/memory/schema.js';
import { sliding, type DataStream } from '../../../../src/stream/index.js';
import { OperatorHarness, type HarnessSnapshot } from '../../../../src/testing/index.js';

interface Row {
  readonly key: string;
}

interface Fired {
  readonly key: string;
  readonly end: number;
  readonly n: number;
}

const options = {
  schema: { key: t.string() },
  build: (input: DataStream<Row>): DataStream<Fired> =>
    input
      .keyBy('key')
      .window(sliding(40, 20, { time: 'processing' }))
      .aggregate(
        { key: t.string(), end: t.float64(), n: t.int32() },
        {
          create: () => 0,
          add: (n: number) => n + 1,
          merge: (a: number, b: number) => a + b,
          result: (n: number, window: { key: string; end: number }) => ({ key: window.key, end: window.end, n }),
        },
      ),
};

const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);

/** One of two subtasks before a redeployment: it holds all keys, and the caller takes its half. */
async function subtask(advanceMs: number): Promise<{ readonly fired: readonly Fired[]; readonly snapshot: HarnessSnapshot }> {
  const harness = await OperatorHarness.open<Row, Fired>(options);
  await harness.advanceClock(5);
  await harness.push(keys.map((key) => ({ key })));
  await harness.advanceClock(advanceMs);
  const fired = harness.rows();
  const snapshot = await harness.snapshot();
  await harness.close();
  return { fired, snapshot };
}

test('sliding windows of processing time fire once each where one subtask was ahead of the other at the cut', async () => {
  const behind = await subtask(10); // its clock shows 15: nothing has fired
  const ahead = await subtask(20); // its clock shows 25: the window that ends at 20 has fired
  assert.equal(behind.fired.length, 0);
  assert.equal(ahead.fired.length, keys.length);

  const restored = new Map(
    [...behind.snapshot].map(([uid, chunks]) => [
      uid,
      [...chunks.filter(({ keyGroup }) => keyGroup < 64), ...(ahead.snapshot.get(uid) ?? []).filter(({ keyGroup }) => keyGroup >= 64)],
    ]),
  );
  const merged = await OperatorHarness.open<Row, Fired>({ ...options, restored });
  await merged.advanceClock(100);
  await merged.end();
  const after = merged.rows();
  await merged.close();

  // Which half a key was in shows in what came out after the cut.
  const ends = (key: string): number[] =>
    after
      .filter((row) => row.key === key)
      .map(({ end }) => end)
      .sort((a, b) => a - b);
  const halves = keys.map((key) => ends(key).length);
  assert.ok(halves.includes(1) && halves.includes(2), `both halves hold keys: ${halves.join(' ')}`);
  for (const key of keys) assert.deepEqual(ends(key), ends(key).length === 1 ? [40] : [20, 40], key);
  for (const { n } of after) assert.equal(n, 1);
});
