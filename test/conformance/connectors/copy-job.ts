import {
  collect,
  console as consoleSink,
  csvSink,
  csvSource,
  discard,
  fromIterable,
  fromList,
  generator,
  jsonlSink,
  jsonlSource,
  parquetSink,
  parquetSource,
} from '../../../src/connectors/index.js';
import { t } from '../../../src/memory/schema.js';
import type { SinkConnector, SourceConnector } from '../../../src/stream/connector.js';
import { defineJob } from '../../../src/stream/job.js';
import { gated, type GateOptions } from './gated-source.js';
import { rowOf, rowSchema, rowsUpTo, type Row } from './rows.js';

/** Rows of a pass. */
export const rowCount = 120;

async function* iterate(start: number): AsyncGenerator<Row> {
  for (let id = start; id < rowCount; id++) yield await Promise.resolve(rowOf(id));
}

/** Every source, over the same rows. File sources read what lies in `<folder>/in/<format>/`. */
export const sources = {
  fromList: () => fromList(rowsUpTo(rowCount), rowSchema),
  fromIterable: () => fromIterable(iterate, rowSchema),
  generator: () => generator({ schema: rowSchema, count: rowCount, make: rowOf }),
  jsonlSource: (folder: string) => jsonlSource(`${folder}/in/jsonl`, rowSchema),
  csvSource: (folder: string) => csvSource(`${folder}/in/csv`, rowSchema),
  parquetSource: (folder: string) => parquetSource(`${folder}/in/parquet`, rowSchema),
} satisfies Readonly<Record<string, (folder: string) => SourceConnector<Row>>>;

/** Every file sink: one file, and part files. */
export const fileFormats = {
  jsonl: { sink: jsonlSink, source: jsonlSource },
  csv: { sink: csvSink, source: csvSource },
  parquet: { sink: parquetSink, source: parquetSource },
} as const;

/** Sinks without files. */
const others: Readonly<Record<string, () => SinkConnector<unknown>>> = {
  collect: () => collect('rows'),
  console: () => consoleSink({ format: (row) => String((row as Row).id) }),
  discard,
};

export interface CopyParams {
  readonly source: keyof typeof sources;
  readonly folder: string;
  readonly passes: number;
  readonly gate: GateOptions;
}

/** One source to every sink. */
export default defineJob({
  name: 'copy',
  params: { given: t.string() },
  build: ({ params, source }) => {
    const { source: name, folder, passes, gate } = JSON.parse(params.given) as CopyParams;
    const rows = source(gated(sources[name](folder), gate), { uid: 'in', passes, batchRows: 4 });
    for (const [format, { sink }] of Object.entries(fileFormats)) {
      rows.to(sink(`${folder}/out.${format}`), { uid: format });
      rows.to(sink(`${folder}/${format}-parts/`, { partBytes: 2000 }), { uid: `${format}-parts`, name: 'parts' });
    }
    for (const [uid, make] of Object.entries(others)) rows.to(make(), { uid });
  },
});
