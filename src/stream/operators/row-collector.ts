import type { Schema } from '../../memory/schema.js';
import type { Output } from '../subtask.js';
import { batchFromRows } from './temp-batch.js';

/** Rows collected before a batch is handed on even though more may come. */
const maxRows = 4096;

/** Collects rows that a user function emits one by one, and hands them on as batches. */
export class RowCollector {
  readonly #output: Output;
  readonly #schema: Schema | undefined;
  #rows: unknown[] = [];
  #times: number[] = [];
  #hasTimes = true;

  constructor(output: Output, schema: Schema | undefined) {
    this.#output = output;
    this.#schema = schema;
  }

  /** @param time event time, ms; a batch in which any row has none goes without */
  add(row: unknown, time: number | undefined): void {
    this.#rows.push(row);
    if (time === undefined) this.#hasTimes = false;
    this.#times.push(time ?? NaN);
    if (this.#rows.length >= maxRows) this.flush();
  }

  flush(): void {
    if (this.#rows.length === 0) return;
    const rows = this.#rows;
    const times = this.#hasTimes ? Float64Array.from(this.#times) : undefined;
    this.#rows = [];
    this.#times = [];
    this.#hasTimes = true;
    this.#output.emit(batchFromRows(this.#schema, rows, times));
  }
}
