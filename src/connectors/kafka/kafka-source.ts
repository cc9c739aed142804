import { z } from 'zod';
import { MillraceError } from '../../core/errors.js';
import { resolveOptions } from '../../core/options.js';
import type { Infer, Schema } from '../../memory/schema.js';
import type { SourceConnector } from '../../stream/connector.js';
import { isSchema } from '../file/options.js';
import { connectKafka, kafkaConnectionFields, topicName, type Connect, type KafkaConnectionOptions } from './options.js';
import { KafkaSource } from './kafka-source-subtask.js';
import { sourceSchema, type KafkaFormat, type KafkaRecord, type rawSchema } from './record-decoder.js';
import type { FieldsRow, KafkaFields } from './record-fields.js';

/**
 * Where a partition is read from when the job starts for the first time: its ends, the first record at or after a time (ms
 * since the epoch), or given offsets by topic and partition (`otherwise`, default 'earliest', for those not named). A job
 * that goes on from a cut goes on at the offsets in the cut.
 */
export type KafkaStart =
  | 'earliest'
  | 'latest'
  | { readonly timestamp: number }
  | { readonly offsets: Readonly<Record<string, Readonly<Record<number, number>>>>; readonly otherwise?: 'earliest' | 'latest' };

export interface KafkaSourceOptions extends KafkaConnectionOptions {
  /** Each partition of each of these belongs to one subtask. */
  readonly topics: readonly string[];
  /** Default 'earliest'. */
  readonly start?: KafkaStart;
  /** 'latest': ends at the records that are there when the job starts. Default: never. */
  readonly until?: 'latest';
  /** A consumer group without members, to which offsets are committed for tools that show lag. Default: none. */
  readonly group?: string;
  /** Columns about the record beside those of its value. Default none. */
  readonly fields?: KafkaFields;
  /** Records of aborted and unfinished transactions are not read. Default true. */
  readonly readCommitted?: boolean;
  /** Offset that retention has deleted: fail, or go on at an end of what is there. Default 'fail'. */
  readonly onOffsetOutOfRange?: 'fail' | 'earliest' | 'latest';
  /** A record without value: a dead letter, or passed over. Default 'deadLetter'. Formats other than 'json' get it. */
  readonly tombstones?: 'deadLetter' | 'skip';
  /** How often new partitions are looked for, in ms. They are read from their beginning. Default 30000. */
  readonly discoverMs?: number;
  /** Fetched records that wait in one subtask, in bytes; fetching pauses above. Default 33554432 (32 MiB). */
  readonly maxBufferedBytes?: number;
  /** Most bytes of one partition in one fetch. Default 1048576. */
  readonly maxPartitionBytes?: number;
}

const ends = z.enum(['earliest', 'latest']);
const offset = z.number().int().min(0);

export const kafkaSourceOptions = z.strictObject({
  ...kafkaConnectionFields,
  topics: z.array(topicName).min(1),
  start: z
    .union([
      ends,
      z.strictObject({ timestamp: offset }),
      z.strictObject({ offsets: z.record(topicName, z.record(z.string().regex(/^\d+$/), offset)), otherwise: ends.default('earliest') }),
    ])
    .default('earliest'),
  until: z.literal('latest').optional(),
  group: z.string().min(1).optional(),
  fields: z
    .record(
      z.string().min(1),
      z
        .string()
        .regex(
          /^(topic|partition|offset|timestamp|key|keyBytes|headers|header:.+)$/,
          "must be 'topic', 'partition', 'offset', 'timestamp', 'key', 'keyBytes', 'headers' or 'header:<name>'",
        ),
    )
    .default({}),
  readCommitted: z.boolean().default(true),
  onOffsetOutOfRange: z.enum(['fail', 'earliest', 'latest']).default('fail'),
  tombstones: z.enum(['deadLetter', 'skip']).default('deadLetter'),
  discoverMs: z.number().int().min(100).default(30_000),
  maxBufferedBytes: z
    .number()
    .int()
    .positive()
    .default(32 * 1024 * 1024),
  maxPartitionBytes: z
    .number()
    .int()
    .min(1024)
    .default(1024 * 1024),
});

export type ResolvedKafkaSource = Readonly<z.output<typeof kafkaSourceOptions>>;

/** Rows of the value V with the columns that options O add. */
type Row<V, O> = O extends { readonly fields: infer F extends KafkaFields } ? { [K in keyof (V & FieldsRow<F>)]: (V & FieldsRow<F>)[K] } : V;

/**
 * Reads Kafka topics. Partitions are dealt to subtasks by their number, without a consumer group; the offsets are part of
 * every cut, so each record counts once in what the job makes of it.
 *
 * @param schema columns of a JSON object, or of the rows that `decode` returns
 * @param format 'json' (default where a schema is given), 'raw' (column `value`: bytes or null), or `{ decode }`
 *
 * Event time (`source(kafkaSource(...), { time })`) is made for each partition; `idleMs` lets the others go on where one
 * has no records.
 */
export function kafkaSource<const S extends Schema, const O extends KafkaSourceOptions>(
  options: O,
  schema: S,
  format?: 'json',
): SourceConnector<Row<Infer<S>, O>>;
export function kafkaSource<const S extends Schema, const O extends KafkaSourceOptions>(
  options: O,
  schema: S,
  format: { readonly decode: (record: KafkaRecord) => Infer<S> | undefined },
): SourceConnector<Row<Infer<S>, O>>;
export function kafkaSource<const O extends KafkaSourceOptions>(options: O, format: 'raw'): SourceConnector<Row<Infer<typeof rawSchema>, O>>;
export function kafkaSource(options: KafkaSourceOptions, format: 'json'): SourceConnector<Record<string, unknown>>;
export function kafkaSource<U>(options: KafkaSourceOptions, format: { readonly decode: (record: KafkaRecord) => U | undefined }): SourceConnector<U>;
export function kafkaSource(options: KafkaSourceOptions, second: Schema | KafkaFormat, third?: KafkaFormat): SourceConnector<never> {
  const given = isSchema(second) ? { schema: second, format: third ?? 'json' } : { schema: undefined, format: second };
  return kafkaSourceOn(connectKafka, options, given);
}

/** A source on any client: tests bring one of their own. */
export function kafkaSourceOn(
  connect: Connect,
  options: KafkaSourceOptions,
  { schema, format }: { readonly schema: Schema | undefined; readonly format: KafkaFormat },
): SourceConnector<never> {
  const resolved = resolveOptions(kafkaSourceOptions, options, 'kafka source');
  const fields = resolved.fields as KafkaFields;
  const columns = sourceSchema(format, schema, fields);
  if (columns === undefined && Object.keys(fields).length > 0) {
    throw new MillraceError('OPTION_INVALID', 'kafka source: fields are columns, and there is no schema; give one, or take them in decode()');
  }
  return {
    name: 'kafka',
    schema: columns,
    boundedness: resolved.until === undefined ? 'unbounded' : 'bounded',
    maxParallelism: undefined,
    makesTimes: true,
    notes: [
      `topics ${resolved.topics.join(', ')} at ${resolved.brokers.join(', ')}`,
      `from ${typeof resolved.start === 'string' ? resolved.start : JSON.stringify(resolved.start)}${resolved.until === undefined ? '' : ' until latest'}`,
    ],
    validate: () => {
      const taken = Object.keys(fields).filter((name) => schema !== undefined && Object.hasOwn(schema, name));
      return taken.map((name) => `fields: '${name}' is a column of the value already; choose another name`);
    },
    create: (runtime) => new KafkaSource({ connect, options: resolved, schema, format, runtime }),
  };
}
