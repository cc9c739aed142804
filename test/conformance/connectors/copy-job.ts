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
const others: Readonly<Record<string, (source: SourceName) => SinkConnector<unknown>>> = {
  collect: (source) => collect(`${source} rows`),
  console: () => consoleSink({ format: (row) => String((row as Row).id) }),
  discard,
};

export type SourceName = keyof typeof sources;

export interface CopyParams {
  readonly source: SourceName;
  readonly folder: string;
  readonly passes: number;
  readonly gate: GateOptions;
}

/** uid of an operator in the copy from a source: 'in', or a sink's. */
export const uidOf = (source: SourceName, operator: string): string => `${source}-${operator}`;

/** Sources, each to every sink, side by side. */
export default defineJob({
  name: 'copy',
  params: { given: t.string() },
  build: ({ params, source }) => {
    for (const { source: name, folder, passes, gate } of JSON.parse(params.given) as readonly CopyParams[]) {
      const uid = (operator: string): string => uidOf(name, operator);
      const rows = source(gated(sources[name](folder), gate), { uid: uid('in'), passes, batchRows: 4 });
      for (const [format, { sink }] of Object.entries(fileFormats)) {
        rows.to(sink(`${folder}/out.${format}`), { uid: uid(format) });
        rows.to(sink(`${folder}/${format}-parts/`, { partBytes: 2000 }), { uid: uid(`${format}-parts`), name: `${name} parts` });
      }
      for (const [sink, make] of Object.entries(others)) rows.to(make(name), { uid: uid(sink) });
    }
  },
});
