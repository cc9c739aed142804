import { MillraceError } from '../../core/errors.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';
import { jsonRows } from '../file/jsonl-encoder.js';
import type { KafkaHeader, OutRecord } from './client.js';
import { positiveMurmur2 } from './murmur2.js';

export type KafkaBytes = Uint8Array | string | null;

/** How a row becomes a record; every function gets a plain object that may be kept. */
export interface RecordMapping {
  readonly key: string | ((row: never) => KafkaBytes) | undefined;
  readonly format: 'json' | 'raw' | { readonly encode: (row: never) => KafkaBytes };
  readonly headers: ((row: never) => Readonly<Record<string, KafkaBytes>> | readonly KafkaHeader[]) | undefined;
  readonly partition: ((row: never, partitions: number) => number) | undefined;
  readonly timestamp: string | ((row: never) => Date | number) | undefined;
}

type RowFunction<T> = (row: Record<string, unknown>) => T;

/** Makes records of the rows of a stream. */
export class RecordMaker {
  readonly #mapping: RecordMapping;
  readonly #topic: string;
  readonly #partitions: number;
  readonly #operator: string;
  readonly #json: ReturnType<typeof jsonRows>;
  /** Where records without a key go: one partition for a batch, the next one for the next. */
  #turn: number;

  constructor(
    mapping: RecordMapping,
    schema: Schema | undefined,
    target: { readonly topic: string; readonly partitions: number; readonly operator: string; readonly index: number },
  ) {
    this.#mapping = mapping;
    this.#topic = target.topic;
    this.#partitions = target.partitions;
    this.#operator = target.operator;
    this.#turn = target.index;
    this.#json = jsonRows(schema);
  }

  /** @throws USER_FUNCTION where a function of the sink throws or returns something else; SCHEMA_MISMATCH for a column that is not there */
  *make(batch: RecordBatch, now: number): Generator<OutRecord> {
    const { key, headers, timestamp, format } = this.#mapping;
    const needsRow =
      [key, headers, timestamp, this.#mapping.partition].some((part) => typeof part === 'function') || typeof format === 'object' || batch.schema === undefined;
    const json = this.#json(batch);
    const read = (name: string): ((index: number) => unknown) => {
      if (batch.schema === undefined) return (index) => batch.row(index)[name];
      const column = batch.column(name);
      return (index) => column.get(index);
    };
    const keyColumn = typeof key === 'string' ? read(key) : undefined;
    const timeColumn = typeof timestamp === 'string' ? read(timestamp) : undefined;
    const valueColumn = format === 'raw' ? read('value') : undefined;
    this.#turn = (this.#turn + 1) % this.#partitions;
    for (let i = 0; i < batch.length; i++) {
      const row = needsRow ? batch.row(i) : {};
      const keyBytes = keyColumn === undefined ? this.#call('key', key, row) : columnBytes(keyColumn(i));
      const value =
        valueColumn !== undefined
          ? bytesOf('value', valueColumn(i))
          : format === 'json'
            ? Buffer.from(json(i))
            : this.#call('format', (format as { encode: unknown }).encode, row);
      yield {
        topic: this.#topic,
        partition: this.#partitionOf(row, keyBytes),
        key: keyBytes,
        value,
        headers: this.#headersOf(row),
        timestamp: timestamp === undefined ? now : this.#time(timeColumn === undefined ? this.#invoke('timestamp', timestamp, row) : timeColumn(i)),
      };
    }
  }

  #partitionOf(row: Record<string, unknown>, key: Uint8Array | null): number {
    const { partition } = this.#mapping;
    if (partition === undefined) return key === null ? this.#turn : positiveMurmur2(key) % this.#partitions;
    const chosen = (partition as (row: unknown, partitions: number) => number)(row, this.#partitions);
    if (Number.isInteger(chosen) && chosen >= 0 && chosen < this.#partitions) return chosen;
    throw new MillraceError(
      'USER_FUNCTION',
      `${this.#operator}: partition() returned ${chosen}; topic ${this.#topic} has partitions 0 to ${this.#partitions - 1}`,
    );
  }

  #headersOf(row: Record<string, unknown>): readonly KafkaHeader[] {
    const { headers } = this.#mapping;
    if (headers === undefined) return [];
    const given = this.#invoke('headers', headers, row);
    if (Array.isArray(given)) return given as readonly KafkaHeader[];
    return Object.entries(given as Record<string, unknown>).map(([name, value]) => ({ name, value: this.#bytes('headers', value) }));
  }

  #time(value: unknown): number {
    const time = Number(value);
    if (Number.isFinite(time) && time >= 0) return Math.floor(time);
    throw new MillraceError('USER_FUNCTION', `${this.#operator}: timestamp is ${String(value)}; it must be a Date or milliseconds since the epoch`);
  }

  #call(what: string, fn: unknown, row: Record<string, unknown>): Uint8Array | null {
    return fn === undefined ? null : this.#bytes(what, this.#invoke(what, fn, row));
  }

  #invoke(what: string, fn: unknown, row: Record<string, unknown>): unknown {
    try {
      return (fn as RowFunction<unknown>)(row);
    } catch (thrown) {
      throw MillraceError.from(thrown, 'USER_FUNCTION', `${this.#operator}: ${what}() threw`);
    }
  }

  #bytes(what: string, value: unknown): Uint8Array | null {
    try {
      return bytesOf(what, value);
    } catch (thrown) {
      throw MillraceError.from(thrown, 'USER_FUNCTION', this.#operator);
    }
  }
}

function bytesOf(what: string, value: unknown): Uint8Array | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  throw new Error(`${what} is ${typeof value}; it must be text, bytes or null`);
}

/** A key from a column: bytes as they are, everything else as its text. */
function columnBytes(value: unknown): Uint8Array | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  return Buffer.from(value instanceof Date ? value.toISOString() : String(value as string | number | bigint | boolean));
}
