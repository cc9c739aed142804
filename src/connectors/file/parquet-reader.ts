import type { FileMetaData } from 'hyparquet';
import { isMillraceError, MillraceError } from '../../core/errors.js';
import type { Schema } from '../../memory/schema.js';
import type { BadRecord } from '../dead-letters.js';
import { toJson } from '../field-codec.js';
import type { SplitRead, SplitReader } from '../split-source.js';
import { readColumnChunk, type ColumnData } from './parquet-column.js';
import { RangeReader, readParquetMetadata } from './parquet-file.js';
import { matchColumns, type ParquetColumn } from './parquet-schema.js';
import { columnBatch, keepRows } from './parquet-batch.js';
import { rowGroupPlaces, type RowGroupPlace } from './parquet-row-groups.js';

export interface ParquetReaderOptions {
  readonly path: string;
  readonly schema: Schema;
  readonly maxRecordBytes: number;
  /** Only this row group; undefined: all of them. */
  readonly rowGroup?: number | undefined;
}

/**
 * Reads row groups one after the other, columns of one at a time in memory, and hands out slices of them.
 *
 * A position is a row: of the file, or of the row group where only one is read.
 */
export class ParquetReader implements SplitReader {
  readonly #file: RangeReader;
  readonly #metadata: FileMetaData;
  readonly #columns: readonly ParquetColumn[];
  readonly #options: ParquetReaderOptions;
  readonly #groups: readonly RowGroupPlace[];
  /** First row of the file that positions count from. */
  readonly #origin: number;
  readonly #end: number;
  #row: number;
  #current: { readonly group: RowGroupPlace; readonly data: readonly ColumnData[]; readonly bad: ReadonlyMap<number, string> } | undefined;

  private constructor(file: RangeReader, metadata: FileMetaData, columns: readonly ParquetColumn[], position: number, options: ParquetReaderOptions) {
    this.#file = file;
    this.#metadata = metadata;
    this.#columns = columns;
    this.#options = options;
    const all = rowGroupPlaces(metadata);
    this.#groups = options.rowGroup === undefined ? all : all.slice(options.rowGroup, options.rowGroup + 1);
    const last = this.#groups.at(-1);
    this.#origin = this.#groups[0]?.start ?? 0;
    this.#end = last === undefined ? 0 : last.start + last.rows;
    this.#row = this.#origin + position;
  }

  /** @throws FILE_NOT_FOUND, IO_FAILED, FORMAT_INVALID, SCHEMA_MISMATCH */
  static async open(position: number, options: ParquetReaderOptions): Promise<ParquetReader> {
    const metadata = readParquetMetadata(options.path);
    const { columns, problems } = matchColumns(options.path, metadata, options.schema);
    if (problems.length > 0) throw new MillraceError('SCHEMA_MISMATCH', problems.join('; '), { details: { file: options.path } });
    return new ParquetReader(await RangeReader.open(options.path), metadata, columns, position, options);
  }

  async read(maxRows: number): Promise<SplitRead> {
    const group = this.#groups.find(({ start, rows }) => this.#row < start + rows);
    if (group === undefined) return { batch: undefined, bad: [], position: this.#end - this.#origin, done: true };
    if (this.#current?.group !== group) this.#current = await this.#load(group);
    const { data, bad } = this.#current;
    const from = this.#row - group.start;
    const to = Math.min(from + maxRows, group.rows);
    const badRows = bad.size === 0 ? [] : rowsBetween(bad, from, to);
    const { schema } = this.#options;
    const batch =
      badRows.length === 0 ? columnBatch(schema, data, from, to) : columnBatch(schema, keepRows(data, others(from, to, bad)), 0, to - from - badRows.length);
    this.#row = group.start + to;
    return { batch, bad: badRows.map((row) => this.#badRecord(row, bad)), position: this.#row - this.#origin, done: this.#row === this.#end };
  }

  close(): Promise<void> {
    this.#current = undefined;
    return this.#file.close();
  }

  async #load(
    group: RowGroupPlace,
  ): Promise<{ readonly group: RowGroupPlace; readonly data: readonly ColumnData[]; readonly bad: ReadonlyMap<number, string> }> {
    this.#current = undefined;
    const data: ColumnData[] = [];
    for (const column of this.#columns) {
      try {
        data.push(await readColumnChunk(this.#file, this.#metadata, group, column, this.#options.maxRecordBytes));
      } catch (thrown) {
        if (isMillraceError(thrown)) throw thrown;
        const message = `${this.#options.path}: column '${column.name}' of row group ${group.index} cannot be decoded: ${(thrown as Error).message}`;
        throw new MillraceError('FORMAT_INVALID', message, {
          details: { file: this.#options.path, column: column.name, rowGroup: group.index },
          cause: thrown,
        });
      }
    }
    return { group, data, bad: badRows(this.#columns, data) };
  }

  #badRecord(row: number, bad: ReadonlyMap<number, string>): BadRecord {
    const { group, data } = this.#current as { group: RowGroupPlace; data: readonly ColumnData[] };
    const cause = bad.get(row) as string;
    const values = Object.fromEntries(
      this.#columns.map(({ name }, i) => [name, data[i]?.nulls?.[row] === 1 ? null : toJson((data[i] as ColumnData).values[row])]),
    );
    const code = cause.includes('maxRecordBytes') ? 'RECORD_TOO_LARGE' : 'RECORD_MALFORMED';
    return { code, where: this.#options.path, position: `row ${group.start + row}`, cause, record: JSON.stringify(values) };
  }
}

/** Rows with a value that cannot be used, or missing where the schema has none missing. */
function badRows(columns: readonly ParquetColumn[], data: readonly ColumnData[]): ReadonlyMap<number, string> {
  const bad = new Map<number, string>();
  columns.forEach(({ name, field }, i) => {
    const { nulls, bad: values } = data[i] as ColumnData;
    for (const [row, cause] of values) if (!bad.has(row)) bad.set(row, `column '${name}': ${cause}`);
    if (nulls === undefined || field.nullable) return;
    for (let row = nulls.indexOf(1); row >= 0; row = nulls.indexOf(1, row + 1))
      if (!bad.has(row)) bad.set(row, `column '${name}' is null, and is not nullable`);
  });
  return bad;
}

/** Rows from..to that are in `bad`, ascending. */
function rowsBetween(bad: ReadonlyMap<number, string>, from: number, to: number): number[] {
  const rows: number[] = [];
  for (let row = from; row < to; row++) if (bad.has(row)) rows.push(row);
  return rows;
}

/** Rows from..to that are not in `bad`. */
function others(from: number, to: number, bad: ReadonlyMap<number, string>): Int32Array {
  return Int32Array.from({ length: to - from }, (_, i) => from + i).filter((row) => !bad.has(row));
}
