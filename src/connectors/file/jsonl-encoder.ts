import type { RecordBatch } from '../../memory/batch.js';
import type { Field, Schema } from '../../memory/schema.js';
import { toJson } from '../field-codec.js';
import { lineEncoder, type FileEncoder } from './file-encoder.js';

/** JSON Lines; see jsonlSink for how each type is written. */
export function jsonlEncoder(schema: Schema | undefined): FileEncoder {
  if (schema === undefined) return lineEncoder('', encodeRows);
  const members = Object.entries(schema).map(([name, field], i) => ({
    name,
    opening: `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`,
    write: valueWriter(field),
  }));
  return lineEncoder('', (batch) => {
    if (batch.schema === undefined) return encodeRows(batch);
    const columns = members.map(({ name, opening, write }) => ({ column: batch.column<string>(name), opening, write }));
    let text = '';
    for (let row = 0; row < batch.length; row++) {
      for (const { column, opening, write } of columns) {
        const value = column.get(row);
        text += opening + (value === null ? 'null' : write(value));
      }
      text += columns.length === 0 ? '{}\n' : '}\n';
    }
    return text;
  });
}

function encodeRows(batch: RecordBatch): string {
  let text = '';
  // undefined and functions have no JSON: null keeps one line per row.
  for (const row of batch.rows()) text += `${JSON.stringify(toJson(row)) ?? 'null'}\n`;
  return text;
}

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
