import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Collector, csvSource, jsonlSource, parquetSource } from '../../../src/connectors/index.js';
import { runSource, withFolder } from '../../unit/connectors/harness.js';
import { startJob, type Started } from '../engines/embedded/support/start.js';
import { row } from './support/copy-job.js';
import { numbered } from './support/rate-job.js';

const copyJob = '../../../connectors/support/copy-job.js';
const rateJob = '../../../connectors/support/rate-job.js';

const ids = (rows: readonly unknown[]): number[] => (rows as { id: number }[]).map(({ id }) => id).sort((a, b) => a - b);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function collected(started: Started): readonly { id: number }[] {
  const collector = new Collector<{ id: number }>('rows');
  for (const report of started.reports) collector.accept(report);
  return collector.rows;
}

for (const parallelism of [1, 2]) {
  test(`a job copies files to files of every format at parallelism ${parallelism}, with bad records beside them`, async () => {
    await withFolder(async (folder) => {
      mkdirSync(join(folder, 'in'));
      const at = (id: number): string => new Date(1e12 + id * 1000).toISOString();
      for (const file of [0, 1, 2]) {
        const lines = upTo(100).map((i) => JSON.stringify({ id: file * 100 + i, name: i % 9 === 0 ? null : `n${i}`, at: at(file * 100 + i) }));
        lines.splice(50, 0, `{"id":"bad ${file}"}`);
        writeFileSync(join(folder, 'in', `${file}.jsonl`), lines.join('\n'));
      }
      const started = await startJob(copyJob, { folder, parallelism }, { parallelism: 1 });
      await started.job.finished;
      const expected = (await runSource(jsonlSource(join(folder, 'in'), row))).rows;
      assert.equal(expected.length, 300);
      const byId = (rows: readonly unknown[]): unknown[] => [...(rows as { id: number }[])].sort((a, b) => a.id - b.id);
      assert.deepEqual(byId((await runSource(jsonlSource(join(folder, 'out.jsonl'), row))).rows), expected);
      assert.deepEqual(byId((await runSource(csvSource(join(folder, 'out.csv'), row))).rows), expected);
      assert.deepEqual(byId((await runSource(parquetSource(join(folder, 'out.parquet'), row))).rows), expected);
      assert.deepEqual(byId((await runSource(jsonlSource(join(folder, 'parts'), row))).rows), expected);
      assert.deepEqual(byId(collected(started)), expected);
      if (parallelism === 1) assert.deepEqual((await runSource(jsonlSource(join(folder, 'out.jsonl'), row))).rows, expected, 'one subtask keeps the order');
      const letters = readFileSync(join(folder, 'dead.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { position: string; record: string });
      assert.deepEqual(
        letters.map(({ record }) => record).sort(),
        [0, 1, 2].map((file) => `{"id":"bad ${file}"}`),
      );
      assert.match(letters[0]?.position ?? '', /^line 51, byte \d+$/);
      assert.ok(started.reports.some(({ channel, value }) => channel === 'console' && (value as string[])[0]?.startsWith('{"id":')));
    });
  });
}

test('files and the collector have each row once when source and sinks are rescaled on the way', async () => {
  await withFolder(async (folder) => {
    const count = 6000;
    const started = await startJob(rateJob, { folder, count, rowsPerSecond: 4000 });
    const rowsSeen = (): number => started.reports.filter(({ channel }) => channel === 'collect:rows').length;
    await started.until(() => rowsSeen() > 20);
    await started.job.scale('numbers', 3);
    await started.job.scale('parts', 1);
    const seen = rowsSeen();
    await started.until(() => rowsSeen() > seen + 10);
    await started.job.scale('parts', 3);
    await started.job.finished;
    assert.deepEqual(ids(collected(started)), upTo(count));
    assert.deepEqual(ids((await runSource(csvSource(join(folder, 'out.csv'), numbered))).rows), upTo(count));
    assert.deepEqual(ids((await runSource(parquetSource(join(folder, 'out.parquet'), numbered))).rows), upTo(count));
    assert.deepEqual(ids((await runSource(jsonlSource(join(folder, 'parts'), numbered))).rows), upTo(count));
    assert.deepEqual(readdirSync(folder).sort(), ['out.csv', 'out.parquet', 'parts']);
    assert.ok(readdirSync(join(folder, 'parts')).every((name) => name.endsWith('.jsonl')));
  });
});

test('a stopped job finishes its files with every row that was read', async () => {
  await withFolder(async (folder) => {
    const started = await startJob(rateJob, { folder, count: 1_000_000, rowsPerSecond: 2000 });
    await started.until(() => started.reports.length > 10);
    await started.job.stop();
    const rows = ids(collected(started));
    assert.ok(rows.length > 0 && rows.length < 1_000_000);
    assert.deepEqual(ids((await runSource(csvSource(join(folder, 'out.csv'), numbered))).rows), rows);
    assert.deepEqual(ids((await runSource(parquetSource(join(folder, 'out.parquet'), numbered))).rows), rows);
    assert.deepEqual(ids((await runSource(jsonlSource(join(folder, 'parts'), numbered))).rows), rows);
  });
});

test('a missing input is reported with its operator before the job starts', async () => {
  await withFolder(async (folder) => {
    await assert.rejects(startJob(copyJob, { folder, parallelism: 1 }), { code: 'GRAPH_INVALID', message: /jsonl.*no file matches this pattern/s });
    assert.deepEqual(readdirSync(folder), []);
  });
});
