import type { RecordBatch } from '../../memory/batch.js';
import { rowBatch } from '../../memory/index.js';
import type { Schema } from '../../memory/schema.js';
import type { OperatorSpec } from '../graph-builder.js';
import type { Output, Subtask, SubtaskContext } from '../subtask.js';

/** Keeps only these columns. */
export function selectOperator(schema: Schema | undefined, columns: readonly string[]): OperatorSpec {
  return {
    kind: 'select',
    schema: schema === undefined ? undefined : Object.fromEntries(Object.entries(schema).filter(([name]) => columns.includes(name))),
    reads: [columns],
    create: () => new Select(columns),
  };
}

class Select implements Subtask {
  #output!: Output;

  constructor(private readonly columns: readonly string[]) {}

  open(context: SubtaskContext): void {
    this.#output = context.output();
  }

  process(batch: RecordBatch): void {
    this.#output.emit(batch.schema === undefined ? this.#pick(batch) : batch.select(this.columns));
  }

  #pick(batch: RecordBatch): RecordBatch {
    const rows = batch.rows().map((row) => Object.fromEntries(this.columns.map((name) => [name, row[name]])));
    return rowBatch(rows, batch.times);
  }
}
