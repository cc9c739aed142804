import { isMillraceError } from '../../core/errors.js';
import type { RecordBatch } from '../../memory/batch.js';
import { BatchBuilder } from '../../memory/index.js';
import { t, type Schema } from '../../memory/schema.js';
import { jsonDecoder, ValueProblem, type DecodeValue } from '../field-codec.js';
import { decodeUtf8 } from '../file/utf8.js';
import { ColumnGatherer, RowGatherer } from '../gatherer.js';
import type { KafkaHeader, RecordSet, TopicPartition } from './client.js';
import { fieldReaders, fieldSchema, type KafkaFields, type ReadField } from './record-fields.js';

/** A record as a format of one's own gets it. The bytes are valid during the call. */
export interface KafkaRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly KafkaHeader[];
}

/**
 * How the value of a record becomes a row: 'json', 'raw' (column `value`, bytes or null), or a function that returns the
 * row, or undefined to pass over the record; what it throws makes a dead letter.
 */
export type KafkaFormat = 'json' | 'raw' | { readonly decode: (record: KafkaRecord) => unknown };

export const rawSchema = Object.freeze({ value: t.nullable(t.bytes()) }) satisfies Schema;

/** Gathers records as rows. */
export interface RecordDecoder {
  readonly length: number;
  /** Takes up one record. @throws ValueProblem where it cannot be used; nothing of it is kept then */
  add(records: RecordSet, index: number, place: TopicPartition): void;
  take(): RecordBatch | undefined;
}

/** @param schema of the values; undefined: rows as JSON.parse or the function made them */
export function recordDecoder(format: KafkaFormat, schema: Schema | undefined, fields: KafkaFields): RecordDecoder {
  if (format === 'raw') return new ColumnsDecoder({ ...rawSchema }, fields, (records, index, values) => void (values[0] = records.value(index)));
  if (format === 'json') return schema === undefined ? new RowsDecoder(parseJson) : new ColumnsDecoder(schema, fields, jsonValues(schema));
  const { decode } = format;
  const call: ReadRow = (records, index, place) =>
    decode({
      ...place,
      offset: records.offset(index),
      timestamp: records.timestamp(index),
      key: records.key(index),
      value: records.value(index),
      headers: records.headers(index),
    });
  return schema === undefined ? new RowsDecoder(call) : new CustomDecoder(schema, fields, call);
}

/** All columns of a stream: those of the value, then those about the record. */
export function sourceSchema(format: KafkaFormat, schema: Schema | undefined, fields: KafkaFields): Schema | undefined {
  const own = format === 'raw' ? rawSchema : schema;
  return own === undefined ? undefined : { ...own, ...fieldSchema(fields) };
}

type ReadRow = (records: RecordSet, index: number, place: TopicPartition) => unknown;

function parseJson(records: RecordSet, index: number): unknown {
  const start = records.valueStart[index] as number;
  if (start < 0) throw new ValueProblem('the record has no value (a tombstone)');
  try {
    return JSON.parse(decodeUtf8(records.memory, start, records.valueEnd[index] as number, false)) as unknown;
  } catch (thrown) {
    if (thrown instanceof ValueProblem) throw thrown;
    throw new ValueProblem(`not JSON: ${(thrown as Error).message}`);
  }
}

function jsonValues(schema: Schema): (records: RecordSet, index: number, values: unknown[]) => void {
  const names = Object.keys(schema);
  const decoders: readonly DecodeValue[] = Object.entries(schema).map(([name, field]) => jsonDecoder(name, field));
  return (records, index, values) => {
    const parsed = parseJson(records, index);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new ValueProblem('not a JSON object');
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      const given = Object.hasOwn(parsed, name) ? (parsed as Record<string, unknown>)[name] : undefined;
      values[i] = (decoders[i] as DecodeValue)(given);
    }
  };
}

/** Columns of the value by `read`, and those about the record. */
class ColumnsDecoder extends ColumnGatherer implements RecordDecoder {
  readonly #read: (records: RecordSet, index: number, values: unknown[]) => void;
  readonly #fields: readonly ReadField[];
  readonly #own: number;
  readonly #values: unknown[];

  constructor(schema: Schema, fields: KafkaFields, read: (records: RecordSet, index: number, values: unknown[]) => void) {
    super({ ...schema, ...fieldSchema(fields) });
    this.#read = read;
    this.#fields = fieldReaders(fields);
    this.#own = Object.keys(schema).length;
    this.#values = new Array<unknown>(this.#own + this.#fields.length);
  }

  add(records: RecordSet, index: number, place: TopicPartition): void {
    this.#read(records, index, this.#values);
    for (let i = 0; i < this.#fields.length; i++) this.#values[this.#own + i] = (this.#fields[i] as ReadField)(records, index, place);
    this.addValues(this.#values);
  }
}

/** Rows without a schema. */
class RowsDecoder implements RecordDecoder {
  readonly #rows = new RowGatherer();
  readonly #read: ReadRow;

  constructor(read: ReadRow) {
    this.#read = read;
  }

  get length(): number {
    return this.#rows.length;
  }

  add(records: RecordSet, index: number, place: TopicPartition): void {
    const row = callFormat(this.#read, records, index, place);
    if (row !== undefined) this.#rows.add(row);
  }

  take(): RecordBatch | undefined {
    return this.#rows.take();
  }
}

/** Rows of a function, each held against the schema. */
class CustomDecoder implements RecordDecoder {
  readonly #builder: BatchBuilder;
  readonly #read: ReadRow;
  readonly #names: readonly string[];
  readonly #fields: readonly ReadField[];

  constructor(schema: Schema, fields: KafkaFields, read: ReadRow) {
    this.#builder = new BatchBuilder({ ...schema, ...fieldSchema(fields) });
    this.#read = read;
    this.#names = Object.keys(fields);
    this.#fields = fieldReaders(fields);
  }

  get length(): number {
    return this.#builder.length;
  }

  add(records: RecordSet, index: number, place: TopicPartition): void {
    const row = callFormat(this.#read, records, index, place);
    if (row === undefined) return;
    if (typeof row !== 'object' || row === null) throw new ValueProblem('decode() returned no object');
    const about = Object.fromEntries(this.#names.map((name, i) => [name, (this.#fields[i] as ReadField)(records, index, place)]));
    try {
      this.#builder.append({ ...row, ...about });
    } catch (thrown) {
      if (isMillraceError(thrown)) throw new ValueProblem(thrown.message);
      throw thrown;
    }
  }

  take(): RecordBatch | undefined {
    return this.#builder.length === 0 ? undefined : this.#builder.finish();
  }
}

function callFormat(read: ReadRow, records: RecordSet, index: number, place: TopicPartition): unknown {
  try {
    return read(records, index, place);
  } catch (thrown) {
    if (thrown instanceof ValueProblem) throw thrown;
    throw new ValueProblem(`decode() threw: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}
