import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { csvSink, csvSource, jsonlSink, jsonlSource, parquetSink, parquetSource } from '../../../../src/connectors/index.js';
import type { Schema } from '../../../../src/memory/schema.js';
import type { SinkConnector, SourceConnector } from '../../../../src/stream/connector.js';
import { arbitraryRows, everySchema } from '../arbitrary-rows.js';
import { batchesOf, cutSink, endSink, openSink, runSource, withFolder, writeAll } from '../harness.js';

interface Format {
  readonly name: string;
  sink(path: string): SinkConnector<never>;
  source(path: string, schema: Schema): SourceConnector<unknown>;
}

const formats: readonly Format[] = [
  { name: 'jsonl', sink: (path) => jsonlSink(path), source: (path, schema) => jsonlSource(path, schema) },
  { name: 'csv', sink: (path) => csvSink(path), source: (path, schema) => csvSource(path, schema) },
  {
    name: 'csv with other marks',
    sink: (path) => csvSink(path, { delimiter: '|', nullValue: 'NA', header: false }),
    source: (path, schema) => csvSource(path, schema, { delimiter: '|', nullValue: 'NA', header: false }),
  },
  { name: 'parquet', sink: (path) => parquetSink(path, { rowGroupRows: 4 }), source: (path, schema) => parquetSource(path, schema) },
  {
    name: 'parquet, uncompressed',
    sink: (path) => parquetSink(path, { codec: 'UNCOMPRESSED' }),
    source: (path, schema) => parquetSource(path, schema, { splitBy: 'rowGroup' }),
  },
];

for (const { name, sink, source } of formats) {
  test(`${name}: rows of every dtype, with nulls and odd texts, come back as they were written`, async () => {
    await withFolder(async (folder) => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(arbitraryRows(everySchema), async (rows) => {
          const path = join(folder, `${run++}.data`);
          await writeAll(sink(path), everySchema, rows);
          const read = await runSource(source(path, everySchema));
          assert.deepEqual(read.letters, []);
          assert.deepEqual(read.rows, rows);
        }),
        { numRuns: 60 },
      );
    });
  });

  test(`${name}: a source that is cut anywhere and restored reads each row once, in order`, async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'rows.data');
      const rows = fc.sample(arbitraryRows(everySchema, 40), { numRuns: 20, seed: 7 }).flat();
      await writeAll(sink(path), everySchema, rows);
      for (let reads = 1; ; reads++) {
        const first = await runSource(source(path, everySchema), { reads });
        const second = await runSource(source(path, everySchema), { restored: first.chunks });
        assert.deepEqual([...first.rows, ...second.rows], rows, `cut after ${reads} reads`);
        if (first.ended) break;
      }
    });
  });

  test(`${name}: a sink that is restored at a cut writes each row once, whatever came after the cut`, async () => {
    await withFolder(async (folder) => {
      const rows = fc.sample(arbitraryRows(everySchema, 30), { numRuns: 3, seed: 11 }).flat();
      const batches = batchesOf(everySchema, rows, 3);
      for (let at = 0; at <= batches.length; at++) {
        const path = join(folder, `cut-${at}.data`);
        const { subtask: lost } = await openSink(sink(path), everySchema);
        for (const batch of batches.slice(0, at)) await lost.process(batch, 0);
        const chunks = await cutSink(lost, 1);
        // Written after the cut, then the job dies.
        for (const batch of batches.slice(at, at + 2)) await lost.process(batch, 0);
        await lost.close?.(false);
        const { subtask } = await openSink(sink(path), everySchema, { restored: true, attempt: 1 }, chunks);
        for (const batch of batches.slice(at)) await subtask.process(batch, 0);
        await endSink(subtask);
        assert.deepEqual((await runSource(source(path, everySchema))).rows, rows, `cut after ${at} batches`);
      }
    });
  });
}
