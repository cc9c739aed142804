import { z } from 'zod';
import { deadLetterSchema, deadLetterTag, type SourceConnector } from './connector.js';
import { DataStream, type BuildScope } from './data-stream.js';
import type { OperatorSpec } from './graph-builder.js';
import { operatorFields, resolveInto, type OperatorOptions } from './operator-options.js';
import { formatSchema } from '../memory/schema.js';
import { TimestampsAndWatermarks } from './operators/timestamps.js';
import type { SplitTimesOptions } from './time/split-times.js';

/** Columns of R that hold a time: a Date, or milliseconds since the epoch. */
export type TimeColumn<R> = { [K in keyof R]: R[K] extends Date | number ? K : never }[keyof R] & string;

export interface SourceOptions<R> extends OperatorOptions {
  /** Event time of a record: a column, or a function giving a Date or milliseconds since the epoch. Default: no event time. */
  readonly time?: TimeColumn<R> | ((row: R) => Date | number) | undefined;
  /** How much later than a later one a record may arrive, in ms; the watermark stays this far behind. Default 0. */
  readonly outOfOrdernessMs?: number | undefined;
  /** A source without records for this long no longer holds the watermark back, in ms. Default: never. */
  readonly idleMs?: number | undefined;
  /** How many times a bounded source replays its data (epochs). Default 1. */
  readonly passes?: number | undefined;
  /** A record that cannot be decoded: 'deadLetter' (default) sends it to `stream.deadLetters`, 'fail' ends the job with RECORD_MALFORMED. */
  readonly onBadRecord?: 'deadLetter' | 'fail' | undefined;
  /** Rows per batch asked of the source. 1..65536, default 1024. */
  readonly batchRows?: number | undefined;
}

export const sourceOptions = z.strictObject({
  ...operatorFields,
  time: z.union([z.string(), z.custom<(row: never) => Date | number>((fn) => typeof fn === 'function')], 'must be a column name or a function').optional(),
  outOfOrdernessMs: z.number().min(0).default(0),
  idleMs: z.number().positive().optional(),
  passes: z.number().int().min(1).default(1),
  onBadRecord: z.enum(['deadLetter', 'fail']).default('deadLetter'),
  batchRows: z.number().int().min(1).max(65_536).default(1024),
});

/** Where a job's graph begins: sources, and operators without input. */
export class StreamEnvironment {
  constructor(/** @internal */ readonly scope: BuildScope) {}

  get jobName(): string {
    return this.scope.jobName;
  }

  /**
   * Adds a source.
   *
   * @returns a stream of what the connector makes, with event time and watermarks where `time` is given; bad records are
   * in its `deadLetters`
   */
  source<R>(connector: SourceConnector<R>, options?: SourceOptions<NoInfer<R>>): DataStream<R> {
    const { builder } = this.scope;
    const resolved = resolveInto(builder, options?.name ?? connector.name, sourceOptions, options);
    const { time, outOfOrdernessMs, idleMs } = resolved;
    const times = connector.makesTimes === true && time !== undefined ? { time, outOfOrdernessMs, idleMs } : undefined;
    const runtime = { passes: resolved.passes, onBadRecord: resolved.onBadRecord, batchRows: resolved.batchRows, times };
    const source = this.add<R>({
      kind: 'source',
      name: resolved.name ?? connector.name,
      uid: resolved.uid,
      parallelism: resolved.parallelism,
      maxParallelism: connector.maxParallelism,
      schema: connector.schema,
      sideOutputs: { [deadLetterTag]: deadLetterSchema },
      boundedness: connector.boundedness,
      notes: [...connector.notes, ...(resolved.passes > 1 ? [`${resolved.passes} passes`] : []), ...(times === undefined ? [] : timeNotes(times))],
      create: () => connector.create(runtime),
    });
    for (const problem of connector.validate?.() ?? []) builder.problem(source.name, problem);
    if (times !== undefined && typeof times.time === 'string' && source.schema !== undefined && !Object.hasOwn(source.schema, times.time))
      builder.problem(source.name, `event time: no column '${times.time}' in ${formatSchema(source.schema)}`);
    return time === undefined || times !== undefined ? source : assignTimes(source, time, outOfOrdernessMs, idleMs);
  }

  /** Adds an operator without data input, such as a role that makes records by itself; {@link DataStream.transform} adds one with inputs. */
  add<U>(spec: OperatorSpec): DataStream<U> {
    return new DataStream<U>(this.scope, this.scope.builder.add(spec, []), undefined, spec.schema);
  }
}

function assignTimes<R>(
  source: DataStream<R>,
  time: string | ((row: never) => Date | number),
  outOfOrdernessMs: number,
  idleMs: number | undefined,
): DataStream<R> {
  const stream = source.transform<R>(
    {
      kind: 'timestamps',
      name: `${source.name} times`,
      schema: source.schema,
      reads: typeof time === 'string' ? [[time]] : undefined,
      passesColumns: true,
      notes: timeNotes({ time, outOfOrdernessMs, idleMs }),
      create: () => new TimestampsAndWatermarks({ time, outOfOrdernessMs, idleMs }),
    },
    { kind: 'forward', explicit: true },
  );
  return stream.withDeadLettersOf(source);
}

function timeNotes({ time, outOfOrdernessMs, idleMs }: SplitTimesOptions): string[] {
  const delay = outOfOrdernessMs === 0 ? 'in order' : `up to ${outOfOrdernessMs} ms out of order`;
  return [`event time: ${typeof time === 'string' ? time : 'a function'}`, delay, ...(idleMs === undefined ? [] : [`idle after ${idleMs} ms`])];
}
