import { ColumnBatch } from './column-batch.js';
import type { RecordBatch } from './batch.js';
import type { DataColumn } from './column.js';
import type { Schema } from './schema.js';

/**
 * Reads the rows of one batch after another through one object, whose properties come from the columns when they are
 * asked for. Unlike rowView's it can be spread, listed and turned into JSON; it is made once and moved, so that the
 * compiler sees one shape. Rows of schemaless batches are the objects themselves.
 *
 * A row is valid until the next `at`.
 */
export class RowCursor {
  #batch: RecordBatch | undefined;
  #schema: Schema | undefined;
  #columns: ColumnCursor | undefined;

  /** Moves to another batch. */
  open(batch: RecordBatch): void {
    this.#batch = batch;
    if (!(batch instanceof ColumnBatch)) return;
    if (batch.schema !== this.#schema) {
      this.#schema = batch.schema;
      this.#columns = generateCursor(Object.keys(batch.schema));
    }
    this.#columns?.open(batch.columns);
  }

  at(index: number): unknown {
    const batch = this.#batch as RecordBatch;
    return batch.schema === undefined ? batch.row(index) : (this.#columns as ColumnCursor).at(index);
  }
}

interface ColumnCursor {
  open(columns: readonly DataColumn[]): void;
  at(index: number): unknown;
}

function generateCursor(names: readonly string[]): ColumnCursor {
  const columns = names.map((_, i) => `c${i}`);
  const getters = names.map((name, i) => `get [${JSON.stringify(name)}]() { return c${i}.get(at); }`);
  const code = `'use strict';
    let ${[...columns, 'at = 0'].join(', ')};
    const row = { ${getters.join(', ')} };
    return {
      open(columns) { ${columns.map((column, i) => `${column} = columns[${i}];`).join(' ')} },
      at(index) { at = index; return row; },
    };`;
  // Column names enter the code as JSON strings only, so they cannot escape into it.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- code per schema is what makes rows cheap
  return new Function(code)() as ColumnCursor;
}
