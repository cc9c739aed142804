import type { RecordBatch } from '../../memory/batch.js';
import { BatchBuilder } from '../../memory/batch-builder.js';
import type { Schema } from '../../memory/schema.js';
import type { Output } from '../subtask.js';

/** Rows collected before a batch is handed on even though more may come. */
const maxRows = 4096;

/** Collects rows that a user function emits one by one, and hands them on as batches. */
export class RowCollector {
  readonly #output: Output;
  readonly #builder: BatchBuilder;
  readonly #lend = (batch: RecordBatch): boolean => this.#output.lend(batch);

  constructor(output: Output, schema: Schema | undefined) {
    this.#output = output;
    this.#builder = new BatchBuilder(schema);
  }

  /**
   * With a schema, values are copied out of the row at once.
   *
   * @param time event time, ms; given for every row between two flushes or for none
   * @throws SCHEMA_MISMATCH
   */
  add(row: unknown, time: number | undefined): void {
    this.#builder.append(row as Record<string, unknown>, time);
    if (this.#builder.length >= maxRows) this.flush();
  }

  flush(): void {
    if (this.#builder.length > 0) this.#builder.lend(this.#lend);
  }
}
