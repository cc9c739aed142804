import type { RecordBatch } from '../../memory/batch.js';
import { columnBuilder, rowBatch, rowView, withColumns, type Column, type ColumnBuilder } from '../../memory/index.js';
import { formatField, type Schema } from '../../memory/schema.js';
import type { DerivedColumn } from '../columns.js';
import type { OperatorSpec } from '../graph-builder.js';
import type { ResolvedUserFunctionOptions } from '../operator-options.js';
import type { Output, Subtask, SubtaskContext } from '../subtask.js';
import { UserFunctionErrors, userFunctionSpec } from './user-function.js';

type Columns = Readonly<Record<string, DerivedColumn<never, unknown>>>;

/** Adds columns computed from the others, or replaces some; the others are not touched. */
export function withColumnsOperator(schema: Schema | undefined, columns: Columns, options: ResolvedUserFunctionOptions): OperatorSpec {
  const added = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.field]));
  const shown = Object.entries(added).map(([name, field]) => `${name}: ${formatField(field)}`);
  const result = schema === undefined ? undefined : Object.freeze({ ...schema, ...added });
  return {
    kind: 'with',
    schema: result,
    notes: [`computes ${shown.join(', ')}`],
    ...userFunctionSpec(options),
    create: () => new WithColumns(result, columns, options.onError),
  };
}

interface Derivation {
  readonly name: string;
  readonly builder: ColumnBuilder;
  readonly fn: (row: unknown) => unknown;
  readonly appendAll: AppendAll;
}

/** Appends fn(row) for rows 0..length-1. */
type AppendAll = (rows: { at(index: number): unknown }, length: number, builder: ColumnBuilder, fn: (row: unknown) => unknown) => void;

/**
 * A loop of its own for each column: compiled code is shared by all calls of a function, and one that has met many
 * columns' functions inlines none of them.
 */
function compileLoop(): AppendAll {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- a constant; there is no other way to get a second copy of a function
  return new Function('rows', 'length', 'builder', 'fn', 'for (let i = 0; i < length; i++) builder.append(fn(rows.at(i)));') as AppendAll;
}

class WithColumns implements Subtask {
  readonly #errors: UserFunctionErrors;
  readonly #derivations: readonly Derivation[];
  #output!: Output;

  constructor(
    private readonly schema: Schema | undefined,
    columns: Columns,
    private readonly onError: 'fail' | 'deadLetter',
  ) {
    this.#errors = new UserFunctionErrors(onError);
    this.#derivations = Object.entries(columns).map(([name, { field, fn }]) => ({
      name,
      builder: columnBuilder(field, name),
      fn: fn as (row: unknown) => unknown,
      appendAll: compileLoop(),
    }));
  }

  open(context: SubtaskContext): void {
    this.#output = context.output();
    this.#errors.open(context);
  }

  process(batch: RecordBatch): void {
    const derived = this.#derive(batch);
    if (derived.length > 0) this.#output.emit(derived);
    this.#errors.endBatch(batch.length);
  }

  #derive(batch: RecordBatch): RecordBatch {
    try {
      const rows = rowView(batch);
      for (const { builder, fn, appendAll } of this.#derivations) appendAll(rows, batch.length, builder, fn);
      return this.#finish(batch);
    } catch {
      // Again row by row, to find which one it was. Functions of rows have no business with anything else.
      for (const { builder } of this.#derivations) builder.truncate(0);
      return this.#deriveRows(batch);
    }
  }

  #deriveRows(batch: RecordBatch): RecordBatch {
    const kept = new Int32Array(batch.length);
    let count = 0;
    for (let i = 0; i < batch.length; i++) if (this.#deriveRow(batch, i, count)) kept[count++] = i;
    return this.#finish(count === batch.length ? batch : batch.take(kept.subarray(0, count)));
  }

  /** Whether the row at `index` has a value for each column; they are then the builders' values at `count`. */
  #deriveRow(batch: RecordBatch, index: number, count: number): boolean {
    const row = batch.row(index);
    for (const { name, builder, fn } of this.#derivations) {
      try {
        builder.append(fn(row));
      } catch (thrown) {
        for (const each of this.#derivations) each.builder.truncate(count);
        this.#errors.report(thrown, index, row, `its function of column '${name}'`);
        return false;
      }
    }
    return true;
  }

  #finish(batch: RecordBatch): RecordBatch {
    const derived = Object.fromEntries(this.#derivations.map(({ name, builder }): [string, Column] => [name, builder.finish()]));
    if (this.schema !== undefined && batch.schema !== undefined) return withColumns(batch, this.schema, derived);
    const rows = batch.rows().map((row, i) => ({ ...row, ...Object.fromEntries(Object.entries(derived).map(([name, column]) => [name, column.get(i)])) }));
    return rowBatch(rows, batch.times);
  }
}
