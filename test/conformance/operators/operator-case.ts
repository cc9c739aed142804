import { t, type Infer } from '../../../src/memory/schema.js';
import type { DataStream } from '../../../src/stream/data-stream.js';

export const rowSchema = { key: t.string(), part: t.nullable(t.int32()), value: t.int32(), note: t.nullable(t.string()), at: t.timestamp() };

export type Row = Infer<typeof rowSchema>;

/** What happens to the input, in order; the same for every operator. */
export type Event = { readonly row: Row } | { readonly watermark: number };

/** Everything a case's plain version needs to know. */
export interface PlainInput {
  /** The events; ends with watermark Infinity. Rows of every input are the same. */
  readonly events: readonly Event[];
  readonly parallelism: number;
}

/**
 * One operator in the suite: how a job uses it, and the same in plain code over one list. The outputs are compared as
 * sets with repetition, event times included, because subtasks owe each other no order.
 */
export interface OperatorCase {
  /** The method that it covers: 'KeyedStream.process'. */
  readonly method: string;
  readonly what: string;
  /** Streams given to build. Default 1. */
  readonly inputs?: number;
  build(input: DataStream<Row>, second: DataStream<Row>): DataStream<unknown>;
  plain(input: PlainInput): readonly Output[];
  /** Side outputs to compare, too. */
  readonly sides?: Readonly<Record<string, (input: PlainInput) => readonly Output[]>>;
}

/** What tests and job files call a case: 'KeyedStream.reduce (a running sum)'. */
export function caseName({ method, what }: OperatorCase): string {
  return `${method} (${what})`;
}

export interface Output {
  readonly row: unknown;
  readonly time: number;
}

export function rowsOf(events: readonly Event[]): Row[] {
  return events.flatMap((event) => ('row' in event ? [event.row] : []));
}

/** Each row made into any number of rows, with its event time. */
export function each(fn: (row: Row) => readonly unknown[]): OperatorCase['plain'] {
  return ({ events }) => rowsOf(events).flatMap((row) => fn(row).map((made) => ({ row: made, time: row.at.getTime() })));
}

/** Outputs as text, sorted. */
export function shown(outputs: readonly Output[]): string[] {
  return outputs.map(({ row: made, time }) => `${time} ${JSON.stringify(made)}`).sort();
}

/** The outputs by plain code, as `shown`: of the result ('') and of the side outputs by tag. */
export function plainOutputs({ plain, sides = {} }: OperatorCase, input: PlainInput): Record<string, string[]> {
  return Object.fromEntries([['', shown(plain(input))], ...Object.entries(sides).map(([tag, side]) => [tag, shown(side(input))] as const)]);
}
