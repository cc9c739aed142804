import type { Column, RecordBatch } from '../../../memory/batch.js';
import { batchFromColumns, type ColumnValues } from '../../../memory/make-batch.js';
import { t, type Field, type Schema } from '../../../memory/schema.js';
import type { KeySelector } from '../../graph.js';
import { isTuple, type Key, type KeyPart } from '../../state/key.js';
import type { Output, SubtaskContext } from '../../subtask.js';
import type { Window } from '../../windows/aggregate.js';
import type { Summary } from '../../windows/summary.js';
import type { AccumulatorTable, WindowKernel } from './kernel.js';

const summableDtypes: ReadonlySet<string> = new Set(['bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'float16', 'float32', 'float64']);

/** Results collected before a batch is handed on even though more may come. */
const maxRows = 4096;

/** What a summary reads and makes. */
export interface SummaryLayout {
  readonly schema: Schema;
  readonly keyColumns: readonly string[];
  readonly summaries: readonly (readonly [name: string, summary: Summary])[];
}

/** The schema of `summarize`; problems are reported, and columns they concern left out. */
export function summarySchema(
  input: Schema | undefined,
  key: KeySelector,
  summaries: Readonly<Record<string, Summary>>,
  problem: (message: string) => void,
): SummaryLayout {
  const keyColumns = 'columns' in key ? key.columns : [];
  if (input === undefined) problem('needs a stream with a schema; use aggregate for schemaless rows');
  if (!('columns' in key)) problem('needs a stream keyed by columns, not by a function; use aggregate');
  const schema: Record<string, Field> = {};
  for (const name of keyColumns) {
    const field = input?.[name];
    if (field !== undefined) schema[name] = field;
  }
  const claim = (name: string, field: Field): void => {
    if (Object.hasOwn(schema, name)) problem(`two result columns are called '${name}'; rename one`);
    schema[name] = field;
  };
  claim('windowStart', t.timestamp());
  claim('windowEnd', t.timestamp());
  for (const [name, { kind, column }] of Object.entries(summaries)) {
    claim(name, kind === 'count' ? t.int64() : t.float64());
    if (column === undefined || input === undefined) continue;
    const field = input[column];
    if (field === undefined) problem(`${name}: there is no column '${column}'; there are: ${Object.keys(input).join(', ')}`);
    else if (kind !== 'count' && !summableDtypes.has(field.dtype)) problem(`${name}: column '${column}' is ${field.dtype}; ${kind} needs numbers or bools`);
  }
  return { schema, keyColumns, summaries: Object.entries(summaries) };
}

/** One column of the bound batch as numbers; NaN marks a missing value only where `isNull` says so. */
interface NumberColumn {
  readonly values: ArrayLike<number>;
  readonly isNull: ((row: number) => boolean) | undefined;
}

/** Accumulates by column: a Float64Array per summary (two for a mean), no object per row or key. */
export class SummaryKernel implements WindowKernel {
  readonly canMerge = true;
  readonly #layout: SummaryLayout;
  #output!: Output;
  // Results so far, by column.
  #keys: KeyPart[][] = [];
  #starts: number[] = [];
  #ends: number[] = [];
  #results: number[][] = [];
  #columns: readonly (NumberColumn | undefined)[] = [];

  constructor(layout: SummaryLayout) {
    this.#layout = layout;
    this.#reset();
  }

  open(context: SubtaskContext): void {
    this.#output = context.output();
  }

  bind(batch: RecordBatch): void {
    const known = new Map<string, NumberColumn>();
    this.#columns = this.#layout.summaries.map(([, { kind, column }]) => {
      if (column === undefined) return undefined;
      const key = kind === 'count' ? `count ${column}` : column;
      let numbers = known.get(key);
      if (numbers === undefined) known.set(key, (numbers = readNumbers(batch.column(column), kind === 'count')));
      return numbers;
    });
  }

  createTable(): SummaryTable {
    return new SummaryTable(
      this.#layout.summaries.map(([, summary]) => summary),
      this,
    );
  }

  column(index: number): NumberColumn | undefined {
    return this.#columns[index];
  }

  emit(table: AccumulatorTable, entry: number, { key, start, end }: Window<Key>): void {
    for (let i = 0; i < this.#keys.length; i++) (this.#keys[i] as KeyPart[]).push(isTuple(key) ? (key[i] as KeyPart) : key);
    this.#starts.push(start);
    this.#ends.push(end);
    for (let i = 0; i < this.#results.length; i++) (this.#results[i] as number[]).push((table as unknown as SummaryTable).result(i, entry));
    if (this.#ends.length >= maxRows) this.flush();
  }

  flush(): void {
    if (this.#ends.length === 0) return;
    const { schema, keyColumns, summaries } = this.#layout;
    const columns: Record<string, ColumnValues> = { windowStart: new Float64Array(this.#starts), windowEnd: new Float64Array(this.#ends) };
    keyColumns.forEach((name, i) => (columns[name] = keyValues(schema[name] as Field, this.#keys[i] as KeyPart[])));
    summaries.forEach(
      ([name], i) => (columns[name] = schema[name]?.dtype === 'float64' ? new Float64Array(this.#results[i] as number[]) : (this.#results[i] as number[])),
    );
    const times = new Float64Array(this.#ends);
    for (let i = 0; i < times.length; i++) times[i]! -= 1;
    this.#reset();
    this.#output.emit(batchFromColumns(schema, columns, times));
  }

  #reset(): void {
    this.#keys = this.#layout.keyColumns.map(() => []);
    this.#starts = [];
    this.#ends = [];
    this.#results = this.#layout.summaries.map(() => []);
  }
}

/** Keys as values of their column: a timestamp is keyed by its milliseconds. */
function keyValues(field: Field, keys: readonly KeyPart[]): readonly unknown[] {
  return field.dtype === 'timestamp' ? keys.map((key) => (typeof key === 'number' ? new Date(key) : key)) : keys;
}

function readNumbers(column: Column, onlyPresence: boolean): NumberColumn {
  const isNull = column.nullCount > 0 ? (row: number): boolean => column.isNull(row) : undefined;
  const { values, field } = column;
  const isPlain =
    values instanceof Float64Array ||
    values instanceof Float32Array ||
    values instanceof Int32Array ||
    values instanceof Int16Array ||
    values instanceof Int8Array ||
    values instanceof Uint32Array;
  if (isPlain) return { values, isNull };
  if (field.dtype === 'uint8' && values instanceof Uint8Array) return { values, isNull };
  const numbers = new Float64Array(column.length);
  if (!onlyPresence) for (let row = 0; row < numbers.length; row++) numbers[row] = Number(column.get(row) ?? NaN);
  return { values: numbers, isNull };
}

/** What an accumulator holds before the first value. */
const emptyValue = { count: 0, sum: 0, mean: 0, min: Infinity, max: -Infinity } as const;

class SummaryTable implements AccumulatorTable {
  /** Per summary. */
  readonly #values: Float64Array[];
  /** Per summary, values seen; for those that have none where nothing was seen. */
  readonly #counts: (Float64Array | undefined)[];
  #room = 8;

  constructor(
    private readonly summaries: readonly Summary[],
    private readonly kernel: SummaryKernel,
  ) {
    this.#values = summaries.map(({ kind }) => new Float64Array(this.#room).fill(emptyValue[kind]));
    this.#counts = summaries.map(({ kind }) => (kind === 'count' || kind === 'sum' ? undefined : new Float64Array(this.#room)));
  }

  add(from: number, to: number, entries: Int32Array): void {
    let highest = -1;
    for (let row = from; row < to; row++) if ((entries[row] as number) > highest) highest = entries[row] as number;
    this.#reserve(highest);
    this.summaries.forEach(({ kind }, i) => {
      const column = this.kernel.column(i);
      const into = this.#values[i] as Float64Array;
      if (kind === 'count') countRows(into, entries, from, to, column?.isNull);
      else addValues(kind, into, this.#counts[i], entries, from, to, column as NumberColumn);
    });
  }

  merge(into: number, other: AccumulatorTable, entry: number): void {
    this.#reserve(into);
    const theirs = other as unknown as SummaryTable;
    this.summaries.forEach(({ kind }, i) => {
      const values = this.#values[i] as Float64Array;
      const value = (theirs.#values[i] as Float64Array)[entry] as number;
      const held = values[into] as number;
      values[into] = kind === 'min' ? Math.min(held, value) : kind === 'max' ? Math.max(held, value) : held + value;
      const counts = this.#counts[i];
      if (counts !== undefined) counts[into] = (counts[into] as number) + ((theirs.#counts[i] as Float64Array)[entry] as number);
    });
  }

  clear(entry: number): void {
    this.#reserve(entry);
    this.summaries.forEach(({ kind }, i) => {
      (this.#values[i] as Float64Array)[entry] = emptyValue[kind];
      const counts = this.#counts[i];
      if (counts !== undefined) counts[entry] = 0;
    });
  }

  result(summary: number, entry: number): number {
    const value = (this.#values[summary] as Float64Array)[entry] as number;
    const counts = this.#counts[summary];
    if (counts === undefined) return value;
    const seen = counts[entry] as number;
    if (seen === 0) return NaN;
    return this.summaries[summary]?.kind === 'mean' ? value / seen : value;
  }

  encode(entries: readonly number[]): unknown {
    const pick = (from: Float64Array): Float64Array => Float64Array.from(entries, (entry) => from[entry] as number);
    return { values: this.#values.map(pick), counts: this.#counts.map((counts) => (counts === undefined ? undefined : pick(counts))) };
  }

  decode(encoded: unknown, entries: readonly number[]): void {
    const { values, counts } = encoded as { values: Float64Array[]; counts: (Float64Array | undefined)[] };
    for (const entry of entries) this.#reserve(entry);
    entries.forEach((entry, i) => {
      this.#values.forEach((into, summary) => (into[entry] = values[summary]?.[i] as number));
      this.#counts.forEach((into, summary) => {
        if (into !== undefined) into[entry] = counts[summary]?.[i] as number;
      });
    });
  }

  #reserve(entry: number): void {
    if (entry < this.#room) return;
    while (entry >= this.#room) this.#room *= 2;
    this.summaries.forEach(({ kind }, i) => {
      this.#values[i] = grown(this.#values[i] as Float64Array, this.#room, emptyValue[kind]);
      const counts = this.#counts[i];
      if (counts !== undefined) this.#counts[i] = grown(counts, this.#room, 0);
    });
  }
}

function grown(from: Float64Array, room: number, empty: number): Float64Array {
  const to = new Float64Array(room).fill(empty, from.length);
  to.set(from);
  return to;
}

function countRows(into: Float64Array, entries: Int32Array, from: number, to: number, isNull: ((row: number) => boolean) | undefined): void {
  for (let row = from; row < to; row++) {
    if (isNull?.(row) === true) continue;
    const entry = entries[row] as number;
    into[entry] = (into[entry] as number) + 1;
  }
}

function addValues(
  kind: Exclude<Summary['kind'], 'count'>,
  into: Float64Array,
  counts: Float64Array | undefined,
  entries: Int32Array,
  from: number,
  to: number,
  column: NumberColumn,
): void {
  const { values, isNull } = column;
  for (let row = from; row < to; row++) {
    if (isNull?.(row) === true) continue;
    const entry = entries[row] as number;
    const value = values[row] as number;
    const held = into[entry] as number;
    if (kind === 'min') into[entry] = Math.min(held, value);
    else if (kind === 'max') into[entry] = Math.max(held, value);
    else into[entry] = held + value;
    if (counts !== undefined) counts[entry] = (counts[entry] as number) + 1;
  }
}
