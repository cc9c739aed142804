import { t, type Field, type Schema } from '../../memory/schema.js';
import type { KafkaHeader, RecordSet } from './client.js';

/**
 * What a column can hold of a Kafka record besides its value: `{ writtenAt: 'timestamp', traceId: 'header:trace-id' }`.
 *
 * | what              | type        |                                                                   |
 * |-------------------|-------------|-------------------------------------------------------------------|
 * | 'topic'           | string      |                                                                   |
 * | 'partition'       | int32       |                                                                   |
 * | 'offset'          | int64       |                                                                   |
 * | 'timestamp'       | timestamp   | of the record, as its producer or the broker set it               |
 * | 'key'             | string?     | as UTF-8                                                          |
 * | 'keyBytes'        | bytes?      |                                                                   |
 * | 'headers'         | string      | JSON: [name, base64 or null] of each, in order                    |
 * | 'header:<name>'   | string?     | the last header of that name, as UTF-8                            |
 */
export type KafkaField = 'topic' | 'partition' | 'offset' | 'timestamp' | 'key' | 'keyBytes' | 'headers' | `header:${string}`;

export type KafkaFields = Readonly<Record<string, KafkaField>>;

/** The row type of such columns. */
export type FieldsRow<F extends KafkaFields> = {
  -readonly [K in keyof F]: F[K] extends 'partition' | 'offset'
    ? number
    : F[K] extends 'timestamp'
      ? Date
      : F[K] extends 'topic' | 'headers'
        ? string
        : F[K] extends 'keyBytes'
          ? Uint8Array | null
          : string | null;
};

export type ReadField = (records: RecordSet, index: number, place: { readonly topic: string; readonly partition: number }) => unknown;

interface FieldReader {
  readonly field: Field;
  readonly read: ReadField;
}

const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

const readers: Readonly<Record<Exclude<KafkaField, `header:${string}`>, FieldReader>> = {
  topic: { field: t.string(), read: (_, __, { topic }) => topic },
  partition: { field: t.int32(), read: (_, __, { partition }) => partition },
  offset: { field: t.int64(), read: (records, i) => records.offset(i) },
  timestamp: { field: t.timestamp(), read: (records, i) => new Date(records.timestamp(i)) },
  key: { field: t.nullable(t.string()), read: (records, i) => text(records.key(i)) },
  keyBytes: { field: t.nullable(t.bytes()), read: (records, i) => records.key(i) },
  headers: { field: t.string(), read: (records, i) => encodeHeaders(records.headers(i)) },
};

function readerOf(what: KafkaField): FieldReader {
  if (!what.startsWith('header:')) return readers[what as keyof typeof readers];
  const name = what.slice('header:'.length);
  return { field: t.nullable(t.string()), read: (records, i) => text(records.headers(i).findLast((header) => header.name === name)?.value ?? null) };
}

export function fieldSchema(fields: KafkaFields): Schema {
  return Object.fromEntries(Object.entries(fields).map(([name, what]) => [name, readerOf(what).field]));
}

export function fieldReaders(fields: KafkaFields): readonly ReadField[] {
  return Object.values(fields).map((what) => readerOf(what).read);
}

/** Headers as JSON, exact. */
export function encodeHeaders(headers: readonly KafkaHeader[]): string {
  return JSON.stringify(
    headers.map(({ name, value }) => [name, value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')]),
  );
}

export function decodeHeaders(json: string): KafkaHeader[] {
  return (JSON.parse(json) as [string, string | null][]).map(([name, value]) => ({ name, value: value === null ? null : Buffer.from(value, 'base64') }));
}
