import type { Field, Schema } from '../../memory/schema.js';
import { MillraceError } from '../../core/errors.js';
import { toJson } from '../field-codec.js';
import { lineEncoder, type FileEncoder } from './file-encoder.js';

export interface CsvEncoderOptions {
  readonly delimiter: string;
  readonly header: boolean;
  readonly nullValue: string;
}

/** CSV by RFC 4180 with LF. @throws SCHEMA_MISMATCH for schemaless rows */
export function csvEncoder(schema: Schema | undefined, { delimiter, header, nullValue }: CsvEncoderOptions): FileEncoder {
  if (schema === undefined)
    throw new MillraceError(
      'SCHEMA_MISMATCH',
      'csv sink: the stream has no schema, so there are no columns to write; derive typed columns or write JSON Lines',
    );
  const special = new RegExp(`["\\r\\n${delimiter.replace(/[\]\\^-]/g, '\\$&')}]`);
  // Empty text is always quoted: unquoted it would be a missing value, or a blank line.
  const escape = (text: string): string =>
    text === '' || text === nullValue || text.startsWith('\ufeff') || special.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const fields = Object.entries(schema).map(([name, field]) => ({ name, write: textOf(field) }));
  const names = header ? `${fields.map(({ name }) => escape(name)).join(delimiter)}\n` : '';
  return lineEncoder(names, (batch) => {
    const columns = fields.map(({ name, write }) => ({ column: batch.column<string>(name), write }));
    let text = '';
    for (let row = 0; row < batch.length; row++) {
      let separator = '';
      for (const { column, write } of columns) {
        const value = column.get(row);
        text += separator + (value === null ? nullValue : escape(write(value)));
        separator = delimiter;
      }
      text += '\n';
    }
    return text;
  });
}

function textOf(field: Field): (value: unknown) => string {
  switch (field.dtype) {
    case 'timestamp':
    case 'bytes':
      return (value) => String(toJson(value));
    case 'vector':
    case 'list':
      return (value) => JSON.stringify(toJson(value));
    default:
      return String;
  }
}
