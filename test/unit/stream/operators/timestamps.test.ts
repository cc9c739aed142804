import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { batchFromRows, decodeBatch, encodeBatch, encodedBatchBytes, t } from '../../../../src/memory/index.js';
import { TimestampsAndWatermarks } from '../../../../src/stream/operators/timestamps.js';
import { keyGroupOf, keyGroupsOf } from '../../../../src/stream/state/key-groups.js';
import { OperatorHarness } from '../../../../src/testing/index.js';

const schema = { at: t.timestamp(), key: t.nullable(t.string()), n: t.int32() };

function open(idleMs?: number): Promise<OperatorHarness> {
  return OperatorHarness.open({
    schema,
    build: (input) => input.transform({ kind: 'timestamps', schema, create: () => new TimestampsAndWatermarks({ time: 'at', outOfOrdernessMs: 10, idleMs }) }),
  });
}

describe('TimestampsAndWatermarks', () => {
  it('gives rows their time and trails the newest by the out-of-orderness and one ms, also after a restart', async () => {
    let harness = await open();
    await harness.push([100, 90].map((ms) => ({ at: new Date(ms), key: 'a', n: 1 })));
    assert.deepEqual(
      harness.records().map(({ time }) => time),
      [100, 90],
    );
    assert.deepEqual(harness.watermarks, [89]);
    harness = await harness.restart();
    await harness.push([{ at: new Date(95), key: 'a', n: 1 }]);
    assert.deepEqual(harness.watermarks, []);
    await harness.push([{ at: new Date(120), key: 'a', n: 1 }]);
    assert.deepEqual(harness.watermarks, [109]);
  });

  it('is idle after that long without a record, holds no watermark back then, and is active again with the next one', async () => {
    const times = (idleMs?: number) => ({
      kind: 'timestamps',
      schema,
      create: () => new TimestampsAndWatermarks({ time: 'at', outOfOrdernessMs: 0, idleMs }),
    });
    const harness = await OperatorHarness.open({
      schema,
      inputs: 2,
      build: (slow, busy) => slow.transform(times(100)).union((busy ?? slow).transform(times())),
    });
    const push = (ms: number, input: number): Promise<void> => harness.push([{ at: new Date(ms), key: 'a', n: 1 }], undefined, input);
    const [slow, busy] = [0, 1];
    await push(1000, busy);
    await harness.advanceClock(60);
    await push(100, slow);
    await harness.advanceClock(99);
    assert.deepEqual(harness.watermarks, [99], 'the slow stream counts for 100 ms after its last record');
    await harness.advanceClock(1);
    assert.deepEqual(harness.watermarks, [99, 999]);
    await push(500, slow);
    await push(2000, busy);
    assert.deepEqual(harness.watermarks, [99, 999], 'it counts again, and time does not go back');
    await push(1800, slow);
    assert.deepEqual(harness.watermarks, [99, 999, 1799]);
    await harness.advanceClock(100);
    assert.deepEqual(harness.watermarks, [99, 999, 1799, 1999], 'it can be idle again');
  });

  it('refuses a record without a time, naming row and column', async () => {
    const harness = await OperatorHarness.open({
      build: (input) =>
        input.transform({
          kind: 'timestamps',
          schema: undefined,
          create: () => new TimestampsAndWatermarks({ time: 'at', outOfOrdernessMs: 0, idleMs: undefined }),
        }),
    });
    await assert.rejects(harness.push([{ at: null }]), { code: 'RECORD_MALFORMED', message: /column 'at' holds no time for a record \(row 0/ });
  });
});

describe('key groups of a batch', () => {
  it('are those of its keys one by one, for strings as such and as bytes, nulls and tuples', () => {
    const rows = ['SFO', null, 'Zürich', '', 'SFO'].map((key, n) => ({ at: new Date(n * 1e11), key, n: n - 2 }));
    const batch = batchFromRows(schema, rows);
    const payload = new Uint8Array(encodedBatchBytes(batch));
    encodeBatch(batch, payload);
    for (const each of [batch, decodeBatch(payload, schema)]) {
      assert.deepEqual(
        [...keyGroupsOf(each, { columns: ['key'] }, 128)],
        rows.map(({ key }) => keyGroupOf(key, 128)),
      );
      assert.deepEqual(
        [...keyGroupsOf(each, { columns: ['n'] }, 128)],
        rows.map(({ n }) => keyGroupOf(n, 128)),
      );
      assert.deepEqual(
        [...keyGroupsOf(each, { columns: ['at'] }, 128)],
        rows.map(({ at }) => keyGroupOf(at.getTime(), 128)),
      );
      assert.deepEqual(
        [...keyGroupsOf(each, { columns: ['key', 'n'] }, 128)],
        rows.map(({ key, n }) => keyGroupOf([key, n], 128)),
      );
    }
  });
});
