import type { RecordBatch } from '../../memory/batch.js';
import type { Field, Schema } from '../../memory/schema.js';
import { toJson } from '../field-codec.js';
import { lineEncoder, type FileEncoder } from './file-encoder.js';

/** JSON Lines; see jsonlSink for how each type is written. */
export function jsonlEncoder(schema: Schema | undefined): FileEncoder {
  const encode = jsonRows(schema);
  return lineEncoder('', (batch) => {
    const json = encode(batch);
    let text = '';
    for (let row = 0; row < batch.length; row++) text += `${json(row)}\n`;
    return text;
  });
}

/** Makes, for a batch, the function from a row to its JSON. */
export function jsonRows(schema: Schema | undefined): (batch: RecordBatch) => (row: number) => string {
  if (schema === undefined) return schemalessRows;
  const members = Object.entries(schema).map(([name, field], i) => ({
    name,
    opening: `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`,
    write: valueWriter(field),
  }));
  return (batch) => {
    if (batch.schema === undefined) return schemalessRows(batch);
    const columns = members.map(({ name, opening, write }) => ({ column: batch.column<string>(name), opening, write }));
    const end = columns.length === 0 ? '{}' : '}';
    return (row) => {
      let text = '';
      for (const { column, opening, write } of columns) {
        const value = column.get(row);
        text += opening + (value === null ? 'null' : write(value));
      }
      return text + end;
    };
  };
}

// undefined and functions have no JSON: null keeps one value per row.
const schemalessRows =
  (batch: RecordBatch) =>
  (row: number): string =>
    JSON.stringify(toJson(batch.row(row))) ?? 'null';

function valueWriter(field: Field): (value: unknown) => string {
  switch (field.dtype) {
    case 'string':
      return JSON.stringify;
    case 'bool':
      return String;
    case 'timestamp':
    case 'bytes':
    case 'vector':
    case 'list':
      return (value) => JSON.stringify(toJson(value));
    default:
      return (value) => (typeof value === 'number' && Number.isFinite(value) ? String(value) : `"${String(value)}"`);
  }
}
