import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchFromRows, t, type RecordBatch } from '../../../../src/memory/index.js';
import { bool, deadLetterTag, float64, int32, string, timestamp, vector, type Subtask, type SubtaskContext } from '../../../../src/stream/index.js';
import { withColumnsOperator } from '../../../../src/stream/operators/with-columns.js';
import { OperatorHarness } from '../../../../src/testing/operator-harness.js';

const schema = { date: t.timestamp(), delay: t.int32(), note: t.nullable(t.string()) };
interface Flight {
  date: Date;
  delay: number;
  note: string | null;
}
const flights: Flight[] = [
  { date: new Date(Date.UTC(2001, 0, 1, 5)), delay: 20, note: 'late' },
  { date: new Date(Date.UTC(2001, 0, 1, 23)), delay: -3, note: null },
];

for (const input of [{ schema }, {}]) {
  const kind = input.schema === undefined ? 'objects' : 'columns';

  test(`with adds columns of every kind to ${kind}`, async () => {
    const harness = await OperatorHarness.open<Flight, Flight & { pair: Float32Array }>({
      ...input,
      build: (stream) =>
        stream.with({
          hour: int32((f) => f.date.getUTCHours()),
          late: bool((f) => f.delay > 15),
          length: int32.nullable((f) => f.note?.length ?? null),
          day: timestamp((f) => new Date(f.date.getTime() - (f.date.getTime() % 86_400_000))),
          label: string((f) => `${f.delay} min`),
          pair: vector(2, (f) => [f.delay, f.delay / 2]),
        }),
    });
    await harness.push(flights, [1, 2]);
    const day = new Date(Date.UTC(2001, 0, 1));
    assert.deepEqual(
      harness.records().map(({ row, time }) => ({ ...row, pair: [...row.pair], time })),
      [
        { ...flights[0], hour: 5, late: true, length: 4, day, label: '20 min', pair: [20, 10], time: 1 },
        { ...flights[1], hour: 23, late: false, length: null, day, label: '-3 min', pair: [-3, -1.5], time: 2 },
      ],
    );
  });

  test(`with replaces a column of ${kind}; all functions see the row as it came`, async () => {
    const harness = await OperatorHarness.open<Flight, { delay: number; hours: number }>({
      ...input,
      build: (stream) => stream.with({ delay: float64((f) => f.delay / 60), hours: float64((f) => f.delay) }),
    });
    await harness.push(flights);
    assert.deepEqual(
      harness.rows().map(({ delay, hours }) => [delay, hours]),
      [
        [20 / 60, 20],
        [-3 / 60, -3],
      ],
    );
  });

  test(`a record whose function throws or gives another type leaves ${kind} as a dead letter`, async () => {
    const harness = await OperatorHarness.open<Flight, { a: number; b: number }>({
      ...input,
      build: (stream) =>
        stream.with(
          {
            a: int32((f) => {
              if (f.delay === 1) throw new Error('one');
              return f.delay;
            }),
            b: int32((f) => (f.delay === 2 ? 0.5 : 0)),
          },
          { onError: 'deadLetter' },
        ),
    });
    const day = new Date(0);
    await harness.push(
      [0, 1, 2, 3].map((delay) => ({ date: day, delay, note: null })),
      [0, 1, 2, 3],
    );
    assert.deepEqual(
      harness.records().map(({ row, time }) => [row.a, time]),
      [
        [0, 0],
        [3, 3],
      ],
    );
    assert.deepEqual(
      harness.rows<Record<string, string>>(deadLetterTag).map(({ position, cause }) => [position, /one|0.5 is no int32/.exec(cause ?? '')?.[0]]),
      [
        ['record 1 of subtask 0', 'one'],
        ['record 2 of subtask 0', '0.5 is no int32'],
      ],
    );
  });
}

test('a function that throws fails the job, naming operator and column', async () => {
  const harness = await OperatorHarness.open<Flight, Flight & { length: number }>({
    schema,
    build: (stream) => stream.with({ length: int32((f) => (f.note as string).length) }, { name: 'lengths' }),
  });
  await assert.rejects(harness.push(flights), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'USER_FUNCTION');
    assert.match(error.message, /^lengths: its function of column 'length' threw at record 1 of subtask 0: .*"delay":-3/);
    return true;
  });
});

test('columns that were there share their memory with the result', () => {
  const { create } = withColumnsOperator(schema, { x: int32(() => 1) }, { onError: 'fail' });
  const subtask = create() as Subtask;
  const emitted: RecordBatch[] = [];
  const output = { emit: (made: RecordBatch) => emitted.push(made) };
  void subtask.open({ operator: { uid: 'with', name: 'with' }, index: 0, output: () => output } as unknown as SubtaskContext, []);
  const batch = batchFromRows(schema, flights);
  void subtask.process(batch, 0);
  assert.deepEqual(emitted[0]?.column('x').toArray(), [1, 1]);
  assert.equal(emitted[0]?.column('delay').values, batch.column('delay').values);
});
