import { closeSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import { resolveOptions } from '../../core/options.js';
import type { Infer, Schema } from '../../memory/schema.js';
import type { SinkConnector, SourceConnector } from '../../stream/connector.js';
import { csvEncoder } from './csv-encoder.js';
import { CsvScanner, CsvTokenizer } from './csv-scanner.js';
import { fileSink, fileSinkOptions, type FileSinkOptions } from './file-sink.js';
import { fileSource } from './file-source.js';
import { isSchema, maxRecordBytesOption } from './options.js';
import type { PathInput } from './paths.js';
import { TextReader } from './text-reader.js';

export interface CsvFormatOptions {
  /** One ASCII character between fields. Default ','. */
  readonly delimiter?: string;
  /** The first record names the columns. Without one, columns are those of the schema, in its order. Default true. */
  readonly header?: boolean;
  /** Unquoted text that means a missing value, in columns that may have none. Default '' (empty). */
  readonly nullValue?: string;
}

export interface CsvSourceOptions extends CsvFormatOptions {
  /** Longest record in bytes; a longer one is a dead letter RECORD_TOO_LARGE. Default 8 MiB. */
  readonly maxRecordBytes?: number;
}

export interface CsvSinkOptions extends CsvFormatOptions, FileSinkOptions {}

const format = {
  delimiter: z
    .string()
    .regex(/^[\x01-\x7f]$/, 'must be one ASCII character')
    .refine((character) => !'"\r\n'.includes(character), 'must not be a quote or a line end')
    .default(','),
  header: z.boolean().default(true),
  nullValue: z.string().default(''),
};
export const csvSourceOptions = z.strictObject({ ...format, maxRecordBytes: maxRecordBytesOption });
export const csvSinkOptions = z.strictObject({ ...format, ...fileSinkOptions.shape });

export const resolveCsvSourceOptions = (options: CsvSourceOptions = {}): z.output<typeof csvSourceOptions> =>
  resolveOptions(csvSourceOptions, options, 'csv source');
export const resolveCsvSinkOptions = (options: CsvSinkOptions = {}): z.output<typeof csvSinkOptions> => resolveOptions(csvSinkOptions, options, 'csv sink');

const extension = '.csv';

/**
 * Reads CSV by RFC 4180: UTF-8, LF or CRLF, quotes doubled inside quotes. Columns are found by name in the header; others
 * of the file are ignored. An unquoted `nullValue` is null in a nullable column. Dates as in {@link jsonlSource}, vectors and lists as JSON arrays.
 *
 * @param path a file (read by one subtask, in order), a directory, a pattern, or several of them (spread over subtasks)
 */
export function csvSource<const S extends Schema>(path: PathInput, schema: S, options?: CsvSourceOptions): SourceConnector<Infer<S>> {
  const resolved = resolveCsvSourceOptions(options);
  const names = (file: string): readonly string[] => (resolved.header ? readHeader(file, resolved.delimiter) : Object.keys(schema));
  return fileSource({
    name: 'csv',
    path,
    extension,
    schema,
    notes: [],
    check: (file) => missingColumns(file, schema, names(file)),
    openFile: (file, position) => {
      const header = names(file);
      const problems = missingColumns(file, schema, header);
      if (problems.length > 0) throw new MillraceError('SCHEMA_MISMATCH', problems.join('; '), { details: { file, header } });
      return TextReader.open(new CsvScanner(schema, header, resolved.header && position === 0, resolved), position, {
        path: file,
        maxRecordBytes: resolved.maxRecordBytes,
      });
    },
  });
}

/** Writes CSV by RFC 4180 with LF; text that could be taken for a missing value is quoted. See {@link FileSinkOptions} for files and exactness. */
export function csvSink(path: string, options?: CsvSinkOptions): SinkConnector<object> {
  const { delimiter, header, nullValue, ...files } = resolveCsvSinkOptions(options);
  return fileSink({
    name: 'csv',
    extension,
    path,
    options: files,
    needsSchema: true,
    encoder: (schema) => csvEncoder(schema, { delimiter, header, nullValue }),
  });
}

/** {@link csvSource} where a schema is given, else {@link csvSink}. */
export function csv<const S extends Schema>(path: PathInput, schema: S, options?: CsvSourceOptions): SourceConnector<Infer<S>>;
export function csv(path: string, options?: CsvSinkOptions): SinkConnector<object>;
export function csv(path: PathInput, second?: Schema | CsvSinkOptions, options?: CsvSourceOptions): SourceConnector<unknown> | SinkConnector<never> {
  return isSchema(second) ? csvSource(path, second, options) : csvSink(path as string, second);
}

function missingColumns(file: string, schema: Schema, header: readonly string[]): readonly string[] {
  return Object.keys(schema)
    .filter((name) => !header.includes(name))
    .map((name) => `${file}: no column '${name}' in the header; the file has: ${header.join(', ')}`);
}

const maxHeaderBytes = 1024 * 1024;

/** @throws FILE_NOT_FOUND, IO_FAILED, FORMAT_INVALID */
function readHeader(file: string, delimiter: string): string[] {
  const bytes = readStart(file, maxHeaderBytes);
  const from = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const tokens = new CsvTokenizer(delimiter);
  try {
    if (tokens.scan(bytes, from, bytes.length < maxHeaderBytes) < 0) throw new Error(`longer than ${maxHeaderBytes} bytes`);
    tokens.check();
    return Array.from({ length: tokens.fieldCount }, (_, field) => tokens.text(bytes, field, false));
  } catch (thrown) {
    throw new MillraceError('FORMAT_INVALID', `${file}: the header cannot be read: ${(thrown as Error).message}`, { details: { file }, cause: thrown });
  }
}

function readStart(file: string, count: number): Buffer {
  let handle: number | undefined;
  try {
    handle = openSync(file, 'r');
    const bytes = Buffer.alloc(count);
    return bytes.subarray(0, readSync(handle, bytes, 0, count, 0));
  } catch (thrown) {
    throw fromSystemError(thrown, 'read', file);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}
