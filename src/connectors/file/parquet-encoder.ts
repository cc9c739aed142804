import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { MillraceError } from '../../core/errors.js';
import type { Column, RecordBatch } from '../../memory/batch.js';
import type { Field, Schema } from '../../memory/schema.js';
import { noBytes, type EncoderResume, type FileEncoder } from './file-encoder.js';

export interface ParquetEncoderOptions {
  readonly rowGroupRows: number;
  readonly codec: 'SNAPPY' | 'UNCOMPRESSED';
}

/** Physical and logical type of each dtype, as hyparquet writes it. */
const elementOf: Readonly<Record<Field['dtype'], Partial<SchemaElement>>> = {
  bool: { type: 'BOOLEAN' },
  int8: { type: 'INT32', converted_type: 'INT_8', logical_type: { type: 'INTEGER', bitWidth: 8, isSigned: true } },
  int16: { type: 'INT32', converted_type: 'INT_16', logical_type: { type: 'INTEGER', bitWidth: 16, isSigned: true } },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  uint8: { type: 'INT32', converted_type: 'UINT_8', logical_type: { type: 'INTEGER', bitWidth: 8, isSigned: false } },
  uint16: { type: 'INT32', converted_type: 'UINT_16', logical_type: { type: 'INTEGER', bitWidth: 16, isSigned: false } },
  uint32: { type: 'INT32', converted_type: 'UINT_32', logical_type: { type: 'INTEGER', bitWidth: 32, isSigned: false } },
  float16: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 2, logical_type: { type: 'FLOAT16' } },
  float32: { type: 'FLOAT' },
  float64: { type: 'DOUBLE' },
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  bytes: { type: 'BYTE_ARRAY' },
  timestamp: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' } },
  vector: { type: 'FLOAT' },
  list: { type: 'DOUBLE' },
};

function schemaElements(schema: Schema): SchemaElement[] {
  const fields = Object.entries(schema);
  return [
    { name: 'root', num_children: fields.length },
    ...fields.flatMap(([name, field]): SchemaElement[] => {
      const repetition_type = field.nullable ? 'OPTIONAL' : 'REQUIRED';
      const element = elementOf[field.dtype];
      if (field.dtype !== 'vector' && field.dtype !== 'list') return [{ name, repetition_type, ...element }];
      return [
        { name, repetition_type, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', repetition_type: 'REQUIRED', ...element },
      ];
    }),
  ];
}

/** What hyparquet wants of a value of rows. */
function toParquet(field: Field): ((value: unknown) => unknown) | undefined {
  switch (field.dtype) {
    case 'int64':
      return field.bigint === true ? undefined : (value) => BigInt(value as number);
    case 'vector':
      return (value) => Array.from(value as Float32Array);
    default:
      return undefined;
  }
}

/** hyparquet's writer, emptied whenever bytes are taken; its offset counts on over the whole file. */
class DrainedWriter extends ByteWriter {
  take(): Uint8Array {
    if (this.index === 0) return noBytes;
    const bytes = this.getBytes().slice();
    this.index = 0;
    return bytes;
  }
}

interface ParquetState {
  readonly rowGroups: ParquetWriter['row_groups'];
  readonly rows: bigint;
}

/**
 * Parquet: rows are gathered into row groups, and a cut ends one early. A file is row groups, then a footer that describes
 * them; so a successor that knows the row groups so far can cut the file off behind the last one and go on.
 *
 * @throws SCHEMA_MISMATCH for schemaless rows
 */
export function parquetEncoder(schema: Schema | undefined, { rowGroupRows, codec }: ParquetEncoderOptions, resume?: EncoderResume): FileEncoder {
  if (schema === undefined)
    throw new MillraceError(
      'SCHEMA_MISMATCH',
      'parquet sink: the stream has no schema, so there are no columns to write; derive typed columns or write JSON Lines',
    );
  const output = new DrainedWriter();
  const writer = new ParquetWriter({ writer: output, schema: schemaElements(schema), codec, createdBy: 'millrace' });
  if (resume !== undefined) {
    const { rowGroups, rows } = resume.state as ParquetState;
    output.take();
    output.offset = resume.bytes;
    writer.row_groups = rowGroups;
    writer.num_rows = rows;
  }
  const columns = Object.entries(schema).map(([name, field]) => ({ name, convert: toParquet(field), data: [] as unknown[] }));
  let rows = 0;

  function endRowGroup(): void {
    if (rows === 0) return;
    // Offset indexes stay in the writer's memory until the end, where a successor would miss them.
    void writer.write({ columnData: columns.map(({ name, data }) => ({ name, data, offsetIndex: false })), rowGroupSize: rows });
    for (const column of columns) column.data = [];
    rows = 0;
  }

  function write(batch: RecordBatch): Uint8Array {
    for (const { name, convert, data } of columns) {
      const column: Column = batch.column(name);
      for (let row = 0; row < batch.length; row++) {
        const value = column.get(row);
        data.push(value === null || convert === undefined ? value : convert(value));
      }
    }
    rows += batch.length;
    if (rows >= rowGroupRows) endRowGroup();
    return output.take();
  }

  return {
    start: () => output.take(),
    write,
    flush() {
      endRowGroup();
      return output.take();
    },
    end() {
      endRowGroup();
      void writer.finish();
      return output.take();
    },
    state: (): ParquetState => ({ rowGroups: [...writer.row_groups], rows: writer.num_rows }),
  };
}
