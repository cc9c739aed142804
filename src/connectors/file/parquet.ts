import { z } from 'zod';
import { resolveOptions } from '../../core/options.js';
import type { Infer, Schema } from '../../memory/schema.js';
import type { SinkConnector, SourceConnector } from '../../stream/connector.js';
import { fileSink, fileSinkOptions, type FileSinkOptions } from './file-sink.js';
import { splitConnector } from './file-source.js';
import { isSchema, maxRecordBytesOption } from './options.js';
import { readParquetMetadata } from './parquet-file.js';
import type { ParquetReaderOptions } from './parquet-reader.js';
import { rowGroupPlaces } from './parquet-row-groups.js';
import { matchColumns } from './parquet-schema.js';
import type { SplitReader } from '../split-source.js';
import { isSingleFile, listFiles, type PathInput } from './paths.js';

export interface ParquetSourceOptions {
  /** Longest text or bytes of one value; a longer one makes its row a dead letter RECORD_TOO_LARGE. Default 8 MiB. */
  readonly maxRecordBytes?: number;
  /**
   * What parallel subtasks share: whole files, so that rows of a file stay in its order, or single row groups, so that many
   * subtasks read one file and its order is lost. Default 'file'.
   */
  readonly splitBy?: 'file' | 'rowGroup';
}

export interface ParquetSinkOptions extends FileSinkOptions {
  /** Rows of a row group; a cut ends one early. They are held in memory. Default 65536. */
  readonly rowGroupRows?: number;
  /** Default 'SNAPPY'. */
  readonly codec?: 'SNAPPY' | 'UNCOMPRESSED';
}

export const parquetSourceOptions = z.strictObject({ maxRecordBytes: maxRecordBytesOption, splitBy: z.enum(['file', 'rowGroup']).default('file') });
export const parquetSinkOptions = z.strictObject({
  ...fileSinkOptions.shape,
  rowGroupRows: z.number().int().positive().default(65_536),
  codec: z.enum(['SNAPPY', 'UNCOMPRESSED']).default('SNAPPY'),
});

export const resolveParquetSourceOptions = (options: ParquetSourceOptions = {}): z.output<typeof parquetSourceOptions> =>
  resolveOptions(parquetSourceOptions, options, 'parquet source');
export const resolveParquetSinkOptions = (options: ParquetSinkOptions = {}): z.output<typeof parquetSinkOptions> =>
  resolveOptions(parquetSinkOptions, options, 'parquet sink');

const extension = '.parquet';

/**
 * Reads Parquet files column by column, one row group at a time; only the columns of the schema. Any codec and encoding
 * that hyparquet reads. Timestamps of any unit become milliseconds, those without a zone count as UTC.
 *
 * A row with a value that does not fit (an integer out of range, a null in a column without nulls) is a dead letter.
 *
 * @param path a file, a directory, a pattern, or several of them
 * @param schema names and types of the columns wanted; checked against each file before the job starts
 */
export function parquetSource<const S extends Schema>(path: PathInput, schema: S, options?: ParquetSourceOptions): SourceConnector<Infer<S>> {
  const { maxRecordBytes, splitBy } = resolveParquetSourceOptions(options);
  const spec = {
    name: 'parquet',
    path,
    extension,
    schema,
    notes: [`columns ${Object.keys(schema).join(', ')}`, ...(splitBy === 'rowGroup' ? ['row groups shared'] : [])],
    check: (file: string) => matchColumns(file, readParquetMetadata(file), schema).problems,
  };
  if (splitBy === 'rowGroup') {
    return splitConnector(spec, undefined, {
      discover: () =>
        Promise.resolve(listFiles(path, extension).flatMap((file) => rowGroupPlaces(readParquetMetadata(file)).map(({ index }) => `${index}:${file}`))),
      open(split, position) {
        const colon = split.indexOf(':');
        return openReader(position, { path: split.slice(colon + 1), schema, maxRecordBytes, rowGroup: Number(split.slice(0, colon)) });
      },
    });
  }
  return splitConnector(spec, isSingleFile(path) ? 1 : undefined, {
    discover: () => Promise.resolve(listFiles(path, extension)),
    open: (file, position) => openReader(position, { path: file, schema, maxRecordBytes }),
  });
}

/** Decoders and codecs are loaded where files are read: a graph is checked with their footers alone. */
async function openReader(position: number, options: ParquetReaderOptions): Promise<SplitReader> {
  const { ParquetReader } = await import('./parquet-reader.js');
  return ParquetReader.open(position, options);
}

/** Writes Parquet; see {@link FileSinkOptions} for files and exactness. A file can be read once it is finished, not before. */
export function parquetSink(path: string, options?: ParquetSinkOptions): SinkConnector<object> {
  const { rowGroupRows, codec, ...files } = resolveParquetSinkOptions(options);
  return fileSink({
    name: 'parquet',
    extension,
    path,
    options: files,
    needsSchema: true,
    encoder: async (schema, resume) => {
      const { parquetEncoder } = await import('./parquet-encoder.js');
      return parquetEncoder(schema, { rowGroupRows, codec }, resume);
    },
  });
}

/** {@link parquetSource} where a schema is given, else {@link parquetSink}. */
export function parquet<const S extends Schema>(path: PathInput, schema: S, options?: ParquetSourceOptions): SourceConnector<Infer<S>>;
export function parquet(path: string, options?: ParquetSinkOptions): SinkConnector<object>;
export function parquet(
  path: PathInput,
  second?: Schema | ParquetSinkOptions,
  options?: ParquetSourceOptions,
): SourceConnector<unknown> | SinkConnector<never> {
  return isSchema(second) ? parquetSource(path, second, options) : parquetSink(path as string, second);
}
