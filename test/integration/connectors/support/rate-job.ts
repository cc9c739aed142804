import { collect, csv, generator, jsonl, parquet } from '../../../../src/connectors/index.js';
import { t } from '../../../../src/memory/schema.js';
import { defineJob } from '../../../../src/stream/job.js';

export const numbered = { id: t.int32(), text: t.string() };

/** A paced generator to files, long enough to be rescaled or stopped on the way. */
export default defineJob({
  name: 'rate',
  params: { folder: t.string(), count: t.int32(), rowsPerSecond: t.int32() },
  build: ({ params, source }) => {
    const { folder, count, rowsPerSecond } = params;
    const rows = source(generator({ schema: numbered, count, rowsPerSecond, make: (id) => ({ id, text: `row ${id}` }) }), {
      uid: 'numbers',
      batchRows: 50,
      parallelism: 2,
    });
    rows.rebalance().to(jsonl(`${folder}/parts/`, { partBytes: 5000 }), { uid: 'parts', parallelism: 2 });
    rows.to(csv(`${folder}/out.csv`));
    rows.to(parquet(`${folder}/out.parquet`));
    rows.to(collect('rows'), { uid: 'rows' });
  },
});
