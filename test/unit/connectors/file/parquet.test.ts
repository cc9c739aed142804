import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { parquet, parquetSink, parquetSource } from '../../../../src/connectors/index.js';
import { t, type Schema } from '../../../../src/memory/schema.js';
import { openSink, runSource, withFolder, writeAll } from '../harness.js';

const flights = 'node_modules/vega-datasets/data/flights-3m.parquet';

type Columns = Parameters<typeof parquetWriteBuffer>[0]['columnData'];

function writeFile(folder: string, columnData: Columns, more: Partial<Parameters<typeof parquetWriteBuffer>[0]> = {}): string {
  const path = join(folder, 'in.parquet');
  writeFileSync(path, Buffer.from(parquetWriteBuffer({ columnData, ...more })));
  return path;
}

test('the flights are read in time order as columns', async () => {
  const schema = { date: t.timestamp(), delay: t.int32(), origin: t.string() };
  const source = parquet(flights, schema);
  assert.deepEqual(source.validate?.(), []);
  const { rows } = await runSource(source, { batchRows: 1024, reads: 4 });
  assert.equal(rows.length, 4096);
  assert.deepEqual(rows[0], { date: new Date('2001-01-01T00:01:00.000Z'), delay: 33, origin: 'LAS' });
  const times = (rows as { date: Date }[]).map(({ date }) => date.getTime());
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
});

test('a column that is missing or of another type is named with what the file has', () => {
  const problems = parquetSource(flights, { delay: t.string(), arrival: t.int32(), origin: t.string() }).validate?.() ?? [];
  assert.equal(problems.length, 2);
  assert.match(
    problems[0] ?? '',
    /flights-3m\.parquet: column 'delay' is INT64, optional, which cannot be read as string; the file has: date: INT64 \(TIMESTAMP MICROS\), optional, delay/,
  );
  assert.match(problems[1] ?? '', /no column 'arrival' \(wanted int32\); the file has/);
});

test('rows whose values do not fit become dead letters with their row number', async () => {
  await withFolder(async (folder) => {
    const path = writeFile(folder, [
      { name: 'a', data: [1n, 300n, null, 4n, -1n, 6n], type: 'INT64', nullable: true },
      { name: 'b', data: ['u', 'v', 'w', 'x', 'y', 'much too long'], type: 'STRING' },
    ]);
    const { rows, letters } = await runSource(parquetSource(path, { a: t.uint8(), b: t.string() }, { maxRecordBytes: 5 }), { batchRows: 4 });
    assert.deepEqual(rows, [
      { a: 1, b: 'u' },
      { a: 4, b: 'x' },
    ]);
    assert.deepEqual(
      letters.map(({ position, code, cause }) => [position, code, cause]),
      [
        ['row 1', 'RECORD_MALFORMED', `column 'a': 300 is no uint8`],
        ['row 2', 'RECORD_MALFORMED', `column 'a' is null, and is not nullable`],
        ['row 4', 'RECORD_MALFORMED', `column 'a': -1 is no uint8`],
        ['row 5', 'RECORD_TOO_LARGE', `column 'b': a value has 13 bytes, the limit is 5 (option maxRecordBytes)`],
      ],
    );
  });
});

test('every page encoding and repetition gives the same values, nulls and dictionaries included', async () => {
  await withFolder(async (folder) => {
    const count = 500;
    const number = Array.from({ length: count }, (_, i) => (i % 7 === 0 ? null : (i * 37) % 11));
    const text = number.map((value) => (value === null ? null : `text ${value}`));
    const schema = {
      i: t.nullable(t.int32()),
      l: t.nullable(t.bigint()),
      d: t.nullable(t.float64()),
      s: t.nullable(t.string()),
      n: t.nullable(t.int16()),
    } satisfies Schema;
    const expected = number.map((value, i) => ({
      i: value,
      l: value === null ? null : BigInt(value),
      d: value === null ? null : value / 2,
      s: text[i],
      n: null,
    }));
    for (const encoding of ['PLAIN', 'RLE_DICTIONARY', 'DELTA_BINARY_PACKED', undefined] as const) {
      const path = writeFile(
        folder,
        [
          { name: 'i', data: number, type: 'INT32', ...(encoding === undefined ? {} : { encoding }) },
          { name: 'l', data: number.map((value) => (value === null ? null : BigInt(value))), type: 'INT64', ...(encoding === undefined ? {} : { encoding }) },
          {
            name: 'd',
            data: number.map((value) => (value === null ? null : value / 2)),
            type: 'DOUBLE',
            ...(encoding === undefined || encoding.startsWith('DELTA') ? {} : { encoding }),
          },
          {
            name: 's',
            data: text,
            type: 'STRING',
            ...(encoding === 'DELTA_BINARY_PACKED' ? { encoding: 'DELTA_BYTE_ARRAY' as const } : encoding === undefined ? {} : { encoding }),
          },
          { name: 'n', data: number.map(() => null), type: 'INT32' },
        ],
        { rowGroupSize: 170, pageSize: 300 },
      );
      assert.deepEqual((await runSource(parquetSource(path, schema))).rows, expected, encoding ?? 'default');
    }
  });
});

test('timestamps of every unit become milliseconds', async () => {
  await withFolder(async (folder) => {
    const at = new Date('2024-05-06T07:08:09.123Z');
    const before = new Date('1960-01-01T00:00:00.001Z');
    const ms = [BigInt(at.getTime()), BigInt(before.getTime())];
    const path = writeFile(
      folder,
      [
        { name: 'millis', data: ms },
        { name: 'micros', data: ms.map((value) => value * 1000n) },
        { name: 'nanos', data: ms.map((value) => value * 1_000_000n) },
        { name: 'days', data: [19_849, -3653] },
      ],
      {
        schema: [
          { name: 'root', num_children: 4 },
          { name: 'millis', type: 'INT64', repetition_type: 'REQUIRED', converted_type: 'TIMESTAMP_MILLIS' },
          { name: 'micros', type: 'INT64', repetition_type: 'REQUIRED', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } },
          { name: 'nanos', type: 'INT64', repetition_type: 'REQUIRED', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'NANOS' } },
          { name: 'days', type: 'INT32', repetition_type: 'REQUIRED', converted_type: 'DATE' },
        ],
      },
    );
    const schema = { millis: t.timestamp(), micros: t.timestamp(), nanos: t.timestamp(), days: t.timestamp() };
    assert.deepEqual((await runSource(parquetSource(path, schema))).rows, [
      { millis: at, micros: at, nanos: at, days: new Date('2024-05-06') },
      { millis: before, micros: before, nanos: before, days: new Date('1960-01-01') },
    ]);
  });
});

test('a file that is no Parquet file, unfinished or cut off is FORMAT_INVALID', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'x.parquet');
    const source = parquetSource(path, { a: t.int32() });
    writeFileSync(path, 'a,b\n1,2\n3,4\n5,6\n');
    assert.match(source.validate?.()[0] ?? '', /not a Parquet file/);
    await assert.rejects(runSource(source), { code: 'FORMAT_INVALID' });
    await writeAll(
      parquetSink(path),
      { a: t.int32() },
      Array.from({ length: 1000 }, (_, a) => ({ a })),
    );
    truncateSync(path, 1000);
    await assert.rejects(runSource(source), { code: 'FORMAT_INVALID' });
  });
});

test('a sink for schemaless rows is a problem, and an error if it is run all the same', async () => {
  const sink = parquetSink('x.parquet');
  assert.match(sink.validate?.(undefined)[0] ?? '', /x\.parquet: parquet has columns, and this stream has no schema/);
  await withFolder(async (folder) => {
    await assert.rejects(openSink(parquetSink(join(folder, 'x.parquet')), undefined), { code: 'SCHEMA_MISMATCH' });
  });
});
