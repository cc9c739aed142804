import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BroadcastExchange, ControlExchange, HashExchange, RebalanceExchange, type Partitioner } from '../../../../src/engines/runtime/exchange-writer.js';
import { Lane } from '../../../../src/engines/runtime/lane.js';
import {
  batchFromRows,
  concatBatches,
  createRing,
  decodeBatch,
  encodedBatchBytes,
  frameKind,
  partitionBatch,
  RingReader,
  RingWriter,
  t,
  type RecordBatch,
} from '../../../../src/memory/index.js';

const schema = { key: t.int32(), text: t.string() };

function batch(...keys: readonly number[]): RecordBatch {
  return batchFromRows(
    schema,
    keys.map((key) => ({ key, text: `row ${key}` })),
  );
}

function laneOf(capacityBytes = 1 << 16): { readonly lane: Lane; read(): string[] } {
  const ring = createRing({ capacityBytes });
  const reader = new RingReader(ring);
  return {
    lane: new Lane(new RingWriter(ring)),
    read: () => {
      const seen: string[] = [];
      for (let frame = reader.tryRead(); frame !== undefined; frame = reader.tryRead()) {
        const isData = frame.kind === frameKind.data;
        seen.push(
          isData
            ? decodeBatch<{ key: number }>(frame.payload, undefined)
                .rows()
                .map(({ key }) => key)
                .join(',')
            : `${frame.kind}:${frame.number}`,
        );
        reader.release(1);
      }
      return seen;
    },
  };
}

test('a lane holds what does not fit and keeps the order of records and marks', () => {
  const { lane, read } = laneOf(4096);
  const keys = Array.from({ length: 60 }, (_, key) => key);
  for (const key of keys) lane.data(batch(key));
  lane.control(frameKind.watermark, 0, 7);
  assert.ok(lane.held);
  const seen: string[] = [];
  for (let turn = 0; turn < 100; turn++) {
    seen.push(...read());
    lane.flush();
  }
  assert.ok(!lane.held);
  assert.deepEqual(seen, [...keys.map(String), `${frameKind.watermark}:7`]);
});

test('a channel that is full and takes more all the same gets what was made, and the lane asks for no more', () => {
  const taken: number[] = [];
  const writer = {
    maxPayloadBytes: 1 << 16,
    capacityBytes: 1 << 16,
    usedBytes: 0,
    isFull: true,
    tryWrite: (kind: number) => {
      taken.push(kind);
      return true;
    },
  };
  const lane = new Lane(writer);
  lane.data(batch(1));
  lane.control(frameKind.watermark, 0, 7);
  assert.deepEqual(taken, [frameKind.data, frameKind.watermark]);
  assert.ok(lane.held);
  writer.isFull = false;
  assert.ok(!lane.held);
});

test('a batch larger than a quarter of the channel crosses in pieces, in order', () => {
  const { lane, read } = laneOf(8192);
  const keys = Array.from({ length: 500 }, (_, key) => key);
  lane.data(batch(...keys));
  const seen: string[] = [];
  for (let turn = 0; turn < 100; turn++) {
    seen.push(...read());
    lane.flush();
  }
  assert.ok(seen.length > 3);
  assert.deepEqual(seen.join(',').split(',').map(Number), keys);
});

test('a record that can never fit is refused with its size and the limit', () => {
  const { lane } = laneOf(4096);
  const large = batchFromRows(schema, [{ key: 1, text: 'x'.repeat(5000) }]) as RecordBatch;
  assert.throws(
    () => lane.data(large),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'RECORD_TOO_LARGE');
      assert.match(error.message, new RegExp(`takes ${encodedBatchBytes(large)} bytes.*channelBytes`));
      return true;
    },
  );
});

test('rebalance deals batches in turn, each producer from its own index', () => {
  const ends = [laneOf(), laneOf(), laneOf()];
  const exchange = new RebalanceExchange(
    ends.map(({ lane }) => lane),
    undefined,
    4,
  );
  for (const key of [1, 2, 3, 4]) exchange.emit(batch(key));
  exchange.control(frameKind.barrier, 0, 5);
  assert.deepEqual(
    ends.map(({ read }) => read()),
    [
      ['3', '3:5'],
      ['1', '4', '3:5'],
      ['2', '3:5'],
    ],
  );
});

test('broadcast brings all to all, control only marks', () => {
  const ends = [laneOf(), laneOf()];
  new BroadcastExchange(
    ends.map(({ lane }) => lane),
    undefined,
  ).emit(batch(1, 2));
  const control = new ControlExchange(
    ends.map(({ lane }) => lane),
    undefined,
  );
  control.emit();
  control.control(frameKind.watermark, 0, 9);
  assert.deepEqual(
    ends.map(({ read }) => read()),
    [
      ['1,2', '2:9'],
      ['1,2', '2:9'],
    ],
  );
});

test('only the columns that somebody needs cross', () => {
  const ring = createRing();
  const exchange = new BroadcastExchange([new Lane(new RingWriter(ring))], ['key']);
  exchange.emit(batch(1));
  const frame = new RingReader(ring).tryRead();
  assert.ok(frame !== undefined);
  assert.deepEqual(decodeBatch(frame.payload, { key: t.int32() }).rows(), [{ key: 1 }]);
});

test('a hash exchange gathers small parts and lets no mark overtake them', () => {
  const ends = [laneOf(), laneOf()];
  const partition: Partitioner = (rows) =>
    partitionBatch(
      rows,
      Int32Array.from(rows.rows(), (row) => (row['key'] as number) % 2),
      2,
    );
  const exchange = new HashExchange(
    ends.map(({ lane }) => lane),
    undefined,
    { partition, concat: concatBatches, batchRows: 4, flushIntervalMs: 1000 },
  );
  exchange.emit(batch(1, 2, 3));
  assert.ok(exchange.flushAt < Infinity);
  assert.deepEqual(
    ends.map(({ read }) => read()),
    [[], []],
  );
  exchange.emit(batch(4, 6, 8));
  assert.deepEqual(
    ends.map(({ read }) => read()),
    [['2,4,6,8'], []],
    'a full part goes at once',
  );
  exchange.control(frameKind.watermark, 0, 9);
  assert.deepEqual(
    ends.map(({ read }) => read()),
    [['2:9'], ['1,3', '2:9']],
  );
  assert.equal(exchange.flushAt, Infinity);
});
