import { z } from 'zod';
import { resolveOptions } from '../../core/options.js';
import type { Infer, Schema } from '../../memory/schema.js';
import type { SinkConnector, SourceConnector } from '../../stream/connector.js';
import { fileSink, fileSinkOptions, type FileSinkOptions } from './file-sink.js';
import { fileSource } from './file-source.js';
import { jsonlEncoder } from './jsonl-encoder.js';
import { jsonlScanner } from './jsonl-scanner.js';
import { isSchema, maxRecordBytesOption } from './options.js';
import type { PathInput } from './paths.js';
import { TextReader } from './text-reader.js';

export interface JsonlSourceOptions {
  /** Longest line in bytes; a longer one is a dead letter RECORD_TOO_LARGE. Default 8 MiB. */
  readonly maxRecordBytes?: number;
}

export const jsonlSourceOptions = z.strictObject({ maxRecordBytes: maxRecordBytesOption });

export const resolveJsonlSourceOptions = (options: JsonlSourceOptions = {}): z.output<typeof jsonlSourceOptions> =>
  resolveOptions(jsonlSourceOptions, options, 'jsonl source');

const extension = '.jsonl';

/**
 * Reads JSON Lines: one object a line, UTF-8. Members that the schema does not name are ignored. Dates are ISO 8601 text
 * (UTC where no offset is given) or milliseconds, bytes base64, bigints numbers or decimal text.
 *
 * @param path a file (read by one subtask, in order), a directory, a pattern, or several of them (spread over subtasks)
 * @param schema undefined: rows as JSON.parse made them
 */
export function jsonlSource<const S extends Schema>(path: PathInput, schema: S, options?: JsonlSourceOptions): SourceConnector<Infer<S>>;
export function jsonlSource(path: PathInput, schema?: undefined, options?: JsonlSourceOptions): SourceConnector<Record<string, unknown>>;
export function jsonlSource(path: PathInput, schema?: Schema, options?: JsonlSourceOptions): SourceConnector<unknown> {
  const { maxRecordBytes } = resolveJsonlSourceOptions(options);
  return fileSource({
    name: 'jsonl',
    path,
    extension,
    schema,
    notes: [],
    check: () => [],
    openFile: (file, position) => TextReader.open(jsonlScanner(schema), position, { path: file, maxRecordBytes }),
  });
}

/**
 * Writes JSON Lines: one row a line, columns in schema order, see {@link FileSinkOptions} for files and exactness.
 * Dates as ISO 8601 text, bigints as decimal text, bytes as base64, NaN and infinities as text, a missing value as null.
 */
export function jsonlSink(path: string, options?: FileSinkOptions): SinkConnector<unknown> {
  return fileSink({ name: 'jsonl', extension, path, options: resolveOptions(fileSinkOptions, options, 'jsonl sink'), encoder: jsonlEncoder });
}

/** {@link jsonlSource} where a schema is given, else {@link jsonlSink}: `source(jsonl('in.jsonl', row))`, `stream.to(jsonl('out.jsonl'))`. */
export function jsonl<const S extends Schema>(path: PathInput, schema: S, options?: JsonlSourceOptions): SourceConnector<Infer<S>>;
export function jsonl(path: string, options?: FileSinkOptions): SinkConnector<unknown>;
export function jsonl(path: PathInput, second?: Schema | FileSinkOptions, options?: JsonlSourceOptions): SourceConnector<unknown> | SinkConnector<never> {
  return isSchema(second) ? jsonlSource(path, second, options) : jsonlSink(path as string, second);
}
