import { z } from 'zod';
import { resolveOptions } from '../../core/options.js';
import type { Schema } from '../../memory/schema.js';
import { formatSchema } from '../../memory/schema.js';
import type { SinkConnector } from '../../stream/connector.js';
import { AtLeastOnceSink } from './at-least-once-sink.js';
import type { KafkaHeader } from './client.js';
import { ExactlyOnceSink } from './exactly-once-sink.js';
import { connectKafka, kafkaConnectionFields, topicName, type Connect, type KafkaConnectionOptions } from './options.js';
import type { KafkaBytes } from './record-maker.js';

export interface KafkaSinkOptions<R = never> extends KafkaConnectionOptions {
  readonly topic: string;
  /** A column, or a function giving text, bytes or null. Records of a key go to one partition, the one a Java producer would choose. Default: no key. */
  readonly key?: (keyof R & string) | ((row: R) => KafkaBytes);
  /** 'json': an object of all columns; 'raw': the bytes of column `value`; or a function. Default 'json'. */
  readonly format?: 'json' | 'raw' | { readonly encode: (row: R) => KafkaBytes };
  readonly headers?: (row: R) => Readonly<Record<string, KafkaBytes>> | readonly KafkaHeader[];
  /** Default: by key, as Java's producer does; without key the batches take turns. */
  readonly partition?: (row: R, partitions: number) => number;
  /** Timestamp of the record: a column or a function. Default: when it is written. */
  readonly timestamp?: (keyof R & string) | ((row: R) => Date | number);
  /**
   * 'atLeastOnce': written as it comes; after a failure some records are there twice. 'exactlyOnce': written in one
   * transaction when the cut that holds it is complete; consumers must read committed. Default 'atLeastOnce'.
   */
  readonly delivery?: 'atLeastOnce' | 'exactlyOnce';
  /** Begins the transactional ids and groups of the sink; unique in the cluster. Default `millrace-<job>-<uid>`. */
  readonly transactionPrefix?: string;
  /** The broker aborts a transaction that is open for longer, in ms. Default 60000. */
  readonly transactionTimeoutMs?: number;
  /**
   * Exactly once: output that waits for its cut in one subtask, in bytes. More holds the stream back while a transaction is
   * under way, and fails the job where only another cut would make room. Default 268435456 (256 MiB).
   */
  readonly maxPendingBytes?: number;
  /**
   * Exactly once: what becomes of output in a restored state where Kafka no longer knows whether it was committed (markers
   * live as long as offsets.retention.minutes, 7 days by default). Default 'fail'.
   */
  readonly onMissingMarker?: 'fail' | 'commit' | 'discard';
  /** At least once: records that wait for the brokers in one subtask, in bytes; more holds the stream back. Default 16777216 (16 MiB). */
  readonly maxBufferedBytes?: number;
  /** Default 'none'. */
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  /** Largest batch of records of one partition, in bytes; below max.message.bytes of the topic. Default 524288. */
  readonly maxBatchBytes?: number;
}

const fn = z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', 'must be a function');
const columnOr = z.union([z.string().min(1), fn], 'must be a column name or a function');
const bytes = z.number().int().positive();

export const kafkaSinkOptions = z.strictObject({
  ...kafkaConnectionFields,
  topic: topicName,
  key: columnOr.optional(),
  format: z.union([z.enum(['json', 'raw']), z.strictObject({ encode: fn })], "must be 'json', 'raw' or { encode }").default('json'),
  headers: fn.optional(),
  partition: fn.optional(),
  timestamp: columnOr.optional(),
  delivery: z.enum(['atLeastOnce', 'exactlyOnce']).default('atLeastOnce'),
  transactionPrefix: z.string().min(1).optional(),
  transactionTimeoutMs: z.number().int().min(1000).default(60_000),
  maxPendingBytes: bytes.default(256 * 1024 * 1024),
  onMissingMarker: z.enum(['fail', 'commit', 'discard']).default('fail'),
  maxBufferedBytes: bytes.default(16 * 1024 * 1024),
  compression: z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none'),
  maxBatchBytes: bytes.default(512 * 1024),
});

export type ResolvedKafkaSink = Readonly<z.output<typeof kafkaSinkOptions>>;

/** Writes rows to a topic; see {@link KafkaSinkOptions.delivery} for what a failure leaves. */
export function kafkaSink<R = never>(options: KafkaSinkOptions<R>): SinkConnector<R> {
  return kafkaSinkOn(connectKafka, options);
}

/** A sink on any client: tests bring one of their own. */
export function kafkaSinkOn<R>(connect: Connect, options: KafkaSinkOptions<R>): SinkConnector<R> {
  const resolved = resolveOptions(kafkaSinkOptions, options, 'kafka sink');
  return {
    name: 'kafka',
    maxParallelism: undefined,
    notes: [`topic ${resolved.topic} at ${resolved.brokers.join(', ')}`, resolved.delivery === 'exactlyOnce' ? 'exactly once' : 'at least once'],
    validate: (schema) => checkColumns(resolved, schema),
    create: (schema) => (resolved.delivery === 'exactlyOnce' ? new ExactlyOnceSink(connect, resolved, schema) : new AtLeastOnceSink(connect, resolved, schema)),
  };
}

function checkColumns({ key, timestamp, format }: ResolvedKafkaSink, schema: Schema | undefined): string[] {
  if (schema === undefined) return [];
  const problems: string[] = [];
  for (const [option, name] of [
    ['key', key],
    ['timestamp', timestamp],
  ] as const) {
    if (typeof name === 'string' && !Object.hasOwn(schema, name)) problems.push(`${option}: no column '${name}' in ${formatSchema(schema)}`);
  }
  const value = schema['value'];
  if (format === 'raw' && value?.dtype !== 'bytes' && value?.dtype !== 'string')
    problems.push(`format 'raw' writes column 'value' (bytes or string), and the stream has ${formatSchema(schema)}`);
  return problems;
}
