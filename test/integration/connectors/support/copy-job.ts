import { collect, console as consoleSink, csv, jsonl, jsonlSource, parquet } from '../../../../src/connectors/index.js';
import { t } from '../../../../src/memory/schema.js';
import { defineJob } from '../../../../src/stream/job.js';

export const row = { id: t.int32(), name: t.nullable(t.string()), at: t.timestamp() };

/** JSON Lines files to one file of each format, part files, the collector, and dead letters beside them. */
export default defineJob({
  name: 'copy',
  params: { folder: t.string(), parallelism: t.int32() },
  build: ({ params, source }) => {
    const { folder, parallelism } = params;
    const rows = source(jsonlSource(`${folder}/in/*.jsonl`, row), { time: 'at', batchRows: 16, parallelism });
    rows.to(jsonl(`${folder}/out.jsonl`));
    rows.to(csv(`${folder}/out.csv`));
    rows.to(parquet(`${folder}/out.parquet`));
    rows.to(jsonl(`${folder}/parts/`), { parallelism });
    rows.to(collect('rows'));
    rows.to(consoleSink({ every: 100 }));
    rows.deadLetters.to(jsonl(`${folder}/dead.jsonl`));
  },
});
