import { MillraceError } from '../../../core/errors.js';
import type { RecordBatch } from '../../../memory/batch.js';
import type { Schema } from '../../../memory/schema.js';
import type { SubtaskContext } from '../../subtask.js';
import type { AggregateFunction, Window, WindowFunction } from '../../windows/aggregate.js';
import type { Key, KeyView } from '../../state/key.js';
import { RowCollector } from '../row-collector.js';
import type { AccumulatorTable, WindowKernel } from './kernel.js';

type Row = Record<string, unknown>;

/** A user's functions with their types erased. An accumulator is never undefined. */
export interface RowFold {
  readonly reads: readonly string[] | undefined;
  create(): unknown;
  add(accumulator: unknown, row: Row): unknown;
  readonly merge: ((into: unknown, other: unknown) => unknown) | undefined;
  emit(accumulator: unknown, window: Window, watermark: number, emit: (row: unknown, time?: number) => void): void;
}

export function aggregateFold(fn: AggregateFunction<Row, unknown, unknown>): RowFold {
  return {
    reads: fn.reads,
    create: () => fn.create(),
    add: (accumulator, row) => fn.add(accumulator, row),
    merge: fn.merge === undefined ? undefined : (into, other) => fn.merge?.(into, other),
    emit: (accumulator, window, _, emit) => {
      emit(fn.result(accumulator, window));
    },
  };
}

/** Nothing yet; a reduction has no empty accumulator of its own. */
const nothing = null;

export function reduceFold(fn: (a: Row, b: Row) => Row): RowFold {
  const put = (into: unknown, row: unknown): unknown => (into === nothing ? row : fn(into as Row, row as Row));
  return {
    reads: undefined,
    create: () => nothing,
    add: put,
    merge: put,
    emit: (accumulator, _, __, emit) => {
      emit(accumulator);
    },
  };
}

export function processFold(fn: WindowFunction<Row, unknown, unknown>): RowFold {
  return {
    reads: undefined,
    create: () => [],
    add: (rows, row) => {
      (rows as Row[]).push(row);
      return rows;
    },
    merge: (into, other) => {
      for (const row of other as Row[]) (into as Row[]).push(row);
      return into;
    },
    emit: (rows, { key, start, end }, watermark, emit) => {
      fn(rows as Row[], { key, start, end, watermark, emit });
    },
  };
}

/** Accumulates JavaScript values by a user's functions. */
export class ObjectKernel implements WindowKernel {
  readonly canMerge: boolean;
  readonly #fold: RowFold;
  readonly #schema: Schema | undefined;
  readonly #view: KeyView | undefined;
  #context!: SubtaskContext;
  #collector!: RowCollector;
  #rows: Row[] = [];

  constructor(fold: RowFold, schema: Schema | undefined, view: KeyView | undefined) {
    this.#fold = fold;
    this.#view = view;
    this.#schema = schema;
    this.canMerge = fold.merge !== undefined;
  }

  open(context: SubtaskContext): void {
    this.#context = context;
    this.#collector = new RowCollector(context.output(), this.#schema);
  }

  bind(batch: RecordBatch): void {
    const { reads } = this.#fold;
    this.#rows = (reads === undefined || batch.schema === undefined ? batch : batch.select(reads)).rows();
  }

  createTable(): ObjectTable {
    return new ObjectTable(this.#fold, this);
  }

  row(index: number): Row {
    return this.#rows[index] as Row;
  }

  emit(table: AccumulatorTable, entry: number, window: Window<Key>, watermark: number): void {
    const shown = this.#view === undefined ? window : { ...window, key: this.#view(window.key) };
    try {
      this.#fold.emit((table as unknown as ObjectTable).values[entry], shown, watermark, (row, time = window.end - 1) => {
        this.#collector.add(row, time);
      });
    } catch (thrown) {
      throw this.failed(thrown, `the result of window ${window.start}..${window.end} of key ${String(window.key)}`);
    }
  }

  flush(): void {
    this.#collector.flush();
  }

  failed(thrown: unknown, what: string): MillraceError {
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return new MillraceError('USER_FUNCTION', `${this.#context.operator.name}: its function threw for ${what}: ${text}`, { cause: thrown });
  }
}

class ObjectTable implements AccumulatorTable {
  readonly values: unknown[] = [];

  constructor(
    private readonly fold: RowFold,
    private readonly kernel: ObjectKernel,
  ) {}

  add(from: number, to: number, entries: Int32Array): void {
    const { fold, values, kernel } = this;
    let i = from;
    try {
      for (; i < to; i++) {
        const entry = entries[i] as number;
        const held = values[entry];
        values[entry] = fold.add(held === undefined ? fold.create() : held, kernel.row(i));
      }
    } catch (thrown) {
      throw kernel.failed(thrown, `row ${i} of its batch`);
    }
  }

  merge(into: number, other: AccumulatorTable, entry: number): void {
    const held = this.values[into];
    try {
      this.values[into] = this.fold.merge?.(held === undefined ? this.fold.create() : held, (other as unknown as ObjectTable).values[entry]);
    } catch (thrown) {
      throw this.kernel.failed(thrown, 'a merge of two accumulators');
    }
  }

  clear(entry: number): void {
    this.values[entry] = undefined;
  }

  encode(entries: readonly number[]): unknown {
    return entries.map((entry) => this.values[entry]);
  }

  decode(encoded: unknown, entries: readonly number[]): void {
    entries.forEach((entry, i) => (this.values[entry] = (encoded as unknown[])[i]));
  }
}
