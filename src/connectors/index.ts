// Sources and sinks.
export { collect, Collector, type CollectedRecord } from './collect.js';
export { console, consoleChannel, type ConsoleOptions } from './console.js';
export { discard } from './discard.js';
export { csv, csvSink, csvSource, type CsvFormatOptions, type CsvSinkOptions, type CsvSourceOptions } from './file/csv.js';
export type { FileSinkOptions } from './file/file-sink.js';
export { jsonl, jsonlSink, jsonlSource, type JsonlSourceOptions } from './file/jsonl.js';
export { parquet, parquetSink, parquetSource, type ParquetSinkOptions, type ParquetSourceOptions } from './file/parquet.js';
export type { PathInput } from './file/paths.js';
export * from './kafka/index.js';
export { fromIterable, type FromIterableOptions, type RowsFrom } from './from-iterable.js';
export { generator, type GeneratorOptions, type GeneratorRandom } from './generator.js';
export { fromList } from './from-list.js';

// For connectors of one's own.
export { DeadLetterWriter, recordText, type BadRecord } from './dead-letters.js';
export { SplitSource, type SplitFormat, type SplitRead, type SplitReader } from './split-source.js';
export { decodeChunk, encodeChunk, operatorState } from './state-chunk.js';
