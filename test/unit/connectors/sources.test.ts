import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clock } from '../../../src/core/index.js';
import { csvSource, fromIterable, fromList, generator, jsonlSource, parquetSink, parquetSource } from '../../../src/connectors/index.js';
import { t } from '../../../src/memory/schema.js';
import { noOriginal, type SourceConnector } from '../../../src/stream/connector.js';
import { makeContext, runSource, withFolder, writeAll } from './harness.js';

const schema = { id: t.int32() };
const ids = (rows: readonly unknown[]): number[] => rows.map((row) => (row as { id: number }).id);
const sorted = (rows: readonly unknown[]): number[] => ids(rows).sort((a, b) => a - b);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** `files` JSON Lines files with ids 0.. spread over them in order. */
function writeFiles(folder: string, files: number, rowsPerFile: number): void {
  for (let file = 0; file < files; file++) {
    writeFileSync(
      join(folder, `f${file}.jsonl`),
      upTo(rowsPerFile)
        .map((row) => `{"id":${file * rowsPerFile + row}}\n`)
        .join(''),
    );
  }
}

async function withSources(
  use: (sources: readonly (readonly [name: string, count: number, source: SourceConnector<unknown>])[]) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    writeFiles(folder, 5, 11);
    await writeAll(
      parquetSink(join(folder, 'p.parquet'), { rowGroupRows: 6 }),
      schema,
      upTo(50).map((id) => ({ id })),
    );
    await use([
      ['jsonl directory', 55, jsonlSource(folder, schema)],
      ['jsonl pattern, schemaless', 55, jsonlSource(join(folder, 'f?.jsonl'))],
      ['parquet by row group', 50, parquetSource(join(folder, 'p.parquet'), schema, { splitBy: 'rowGroup' })],
      ['parquet file', 50, parquetSource(join(folder, 'p.parquet'), schema)],
      [
        'list',
        300,
        fromList(
          upTo(300).map((id) => ({ id })),
          schema,
        ),
      ],
      ['list, schemaless', 3, fromList(upTo(3).map((id) => ({ id })))],
      ['empty list', 0, fromList([], schema)],
      ['generator', 200, generator({ schema, count: 200, make: (id) => ({ id }) })],
    ]);
  });
}

test('one subtask reads every source in order, pass after pass, with a mark after each', async () => {
  await withSources(async (sources) => {
    for (const [name, count, source] of sources) {
      const { rows, passes, ended } = await runSource(source, { passes: 3 });
      assert.deepEqual(ids(rows), [...upTo(count), ...upTo(count), ...upTo(count)], name);
      assert.ok(ended);
      assert.deepEqual(passes, count === 0 ? [[3]] : [[1, 2, 3]], name);
    }
  });
});

test('parallel subtasks share a source, each row read by one', async () => {
  await withSources(async (sources) => {
    for (const [name, count, source] of sources) {
      const { rows, bySubtask } = await runSource(source, { parallelism: 3 });
      assert.deepEqual(sorted(rows), upTo(count), name);
      if (source.maxParallelism === undefined && count > 10)
        assert.ok(
          bySubtask.every((part) => part.length > 0),
          name,
        );
    }
  });
});

test('a source restored at another parallelism reads what is left, each row once in each pass', async () => {
  await withSources(async (sources) => {
    for (const [name, count, source] of sources) {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 12 }),
          fc.integer({ min: 1, max: 9 }),
          async (before, after, reads, more) => {
            const first = await runSource(source, { passes: 2, parallelism: before, reads });
            const second = await runSource(source, { passes: 2, parallelism: after, reads: more, restored: first.chunks });
            const third = await runSource(source, { passes: 2, parallelism: before, restored: second.chunks });
            assert.ok(third.ended);
            assert.deepEqual(
              sorted([...first.rows, ...second.rows, ...third.rows]),
              upTo(count).flatMap((id) => [id, id]),
              name,
            );
          },
        ),
        { numRuns: 15 },
      );
    }
  });
});

test('drain ends a source at once, keeping its position', async () => {
  await withSources(async (sources) => {
    for (const [name, , source] of sources) {
      const subtask = source.create({ passes: 1, onBadRecord: 'deadLetter', batchRows: 2 });
      const { context, recorded } = makeContext({});
      await subtask.open(context, []);
      await subtask.read();
      subtask.drain?.();
      assert.deepEqual(await subtask.read(), { next: 'end' }, name);
      assert.ok(recorded.batches.length <= 1);
      await subtask.close?.(true);
    }
  });
});

test('a generator keeps to its rate, and each parallel subtask to its share', () => {
  let now = 1000;
  const clock: Clock = { now: () => now, after: () => () => undefined };
  for (const parallelism of [1, 2]) {
    const subtask = generator({ schema, rowsPerSecond: 100, make: (id) => ({ id }) }).create({ passes: 1, onBadRecord: 'fail', batchRows: 1000 });
    const { context, recorded } = makeContext({ parallelism, clock });
    now = 1000;
    void subtask.open(context, []);
    assert.deepEqual(subtask.read(), { next: 'wait', afterMs: parallelism === 1 ? 20 : 20 });
    now += 500;
    assert.deepEqual(subtask.read(), { next: 'more' });
    assert.equal(recorded.batches[0]?.length, 50 / parallelism);
    const waiting = subtask.read();
    assert.ok(!(waiting instanceof Promise) && waiting.next === 'wait');
  }
});

test('the random numbers of a generator depend on seed and index only', async () => {
  const numbers = (seed: number): SourceConnector<unknown> =>
    generator({ count: 100, seed, make: (index, random) => ({ id: index, x: random(), y: random() }) });
  const byId = (rows: unknown[]): unknown[] => (rows as { id: number }[]).sort((a, b) => a.id - b.id);
  const one = await runSource(numbers(1));
  assert.deepEqual(byId((await runSource(numbers(1), { parallelism: 3 })).rows), one.rows);
  assert.notDeepEqual((await runSource(numbers(2))).rows, one.rows);
  const mean = (one.rows as { x: number }[]).reduce((sum, { x }) => sum + x, 0) / 100;
  assert.ok(mean > 0.35 && mean < 0.65, `mean ${mean}`);
});

test('fromIterable() reads an async iterable from where it was cut, and again for each pass', async () => {
  async function* count(start: number): AsyncGenerator<{ id: number }> {
    for (let id = start; id < 40; id++) {
      if (id % 10 === 3) await new Promise((resolve) => setImmediate(resolve));
      yield { id };
    }
  }
  const source = fromIterable(count, schema);
  const plain = await runSource(source, { passes: 2 });
  assert.deepEqual(ids(plain.rows), [...upTo(40), ...upTo(40)]);
  assert.deepEqual(plain.passes, [[1, 2]]);
  for (let reads = 1; reads < 20; reads++) {
    const first = await runSource(source, { passes: 2, reads });
    const second = await runSource(source, { passes: 2, restored: first.chunks });
    assert.deepEqual(ids([...first.rows, ...second.rows]), ids(plain.rows), `cut after ${reads} reads`);
  }
});

test('an iterable that throws fails the source with USER_FUNCTION', async () => {
  const source = fromIterable(async function* () {
    yield await Promise.resolve({ id: 1 });
    throw new Error('socket closed');
  });
  await assert.rejects(runSource(source), { code: 'USER_FUNCTION', message: /subject: the iterable threw: socket closed/ });
});

test('bad records become dead letters by default, and fail the job where asked', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'in.jsonl');
    writeFileSync(path, '{"id":1}\n{"id":"x"}\n{"id":3}\n');
    const { rows, letters } = await runSource(jsonlSource(path, schema));
    assert.deepEqual(ids(rows), [1, 3]);
    assert.deepEqual(letters, [
      {
        source: `subject: ${path}`,
        position: 'line 2, byte 9',
        code: 'RECORD_MALFORMED',
        cause: `column 'id': "x" is no int32`,
        record: '{"id":"x"}',
        ...noOriginal,
      },
    ]);
    await assert.rejects(runSource(jsonlSource(path, schema), { onBadRecord: 'fail' }), {
      code: 'RECORD_MALFORMED',
      message: new RegExp(`subject: .*in.jsonl, line 2, byte 9: column 'id'`),
    });
  });
});

test('a missing file, a folder without files and a missing column are problems before the job starts, and errors when it runs', async () => {
  await withFolder(async (folder) => {
    const missing = join(folder, 'no.csv');
    assert.match(csvSource(missing, schema).validate?.()[0] ?? '', /no\.csv: no such file/);
    await assert.rejects(runSource(csvSource(missing, schema)), { code: 'FILE_NOT_FOUND' });
    mkdirSync(join(folder, 'empty'));
    assert.match(jsonlSource(join(folder, 'empty')).validate?.()[0] ?? '', /the directory has no \.jsonl file/);
    assert.match(jsonlSource(join(folder, '*.json')).validate?.()[0] ?? '', /no file matches/);
    writeFileSync(join(folder, 'a.csv'), 'x,y\n1,2\n');
    assert.deepEqual(csvSource(join(folder, 'a.csv'), schema).validate?.(), [`${join(folder, 'a.csv')}: no column 'id' in the header; the file has: x, y`]);
    await assert.rejects(runSource(csvSource(join(folder, 'a.csv'), schema)), { code: 'SCHEMA_MISMATCH' });
  });
});

test('options of connectors are checked, all problems at once', () => {
  assert.throws(() => csvSource('x', schema, { delimiter: '""', maxRecordBytes: 0 }), { code: 'OPTION_INVALID', message: /delimiter.*maxRecordBytes/ });
  assert.throws(() => generator({ schema, rowsPerSecond: 0, make: (id) => ({ id }) }), { code: 'OPTION_INVALID' });
  assert.throws(() => parquetSource('x', schema, { split: 'file' } as never), { code: 'OPTION_INVALID', message: /unknown option split/ });
});

test('one file keeps its order: it is read by one subtask, several are shared', () => {
  assert.equal(jsonlSource('a.jsonl').maxParallelism, 1);
  assert.equal(csvSource('a.csv', schema).maxParallelism, 1);
  assert.equal(parquetSource('a.parquet', schema).maxParallelism, 1);
  assert.equal(parquetSource('a.parquet', schema, { splitBy: 'rowGroup' }).maxParallelism, undefined);
  assert.equal(jsonlSource('a/*.jsonl').maxParallelism, undefined);
  assert.equal(jsonlSource(['a.jsonl', 'b.jsonl']).maxParallelism, undefined);
});
