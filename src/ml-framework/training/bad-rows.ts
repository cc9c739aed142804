import { MillraceError, type Counter } from '../../core/index.js';
import { batchFromRows, type RecordBatch } from '../../memory/index.js';
import { deadLetterSchema, deadLetterTag, noOriginal } from '../../stream/connector.js';
import { showRecord } from '../../stream/show-record.js';
import type { SubtaskContext } from '../../stream/subtask.js';
import type { TrainableModel } from '../../tensorflow/model/trainable.js';

/** What a model reads, and what becomes of a row that it cannot read. */
export interface BadRowOptions {
  readonly model: Pick<TrainableModel, 'name' | 'badRows'>;
  readonly onBadRecord: 'deadLetter' | 'fail';
}

/**
 * Keeps rows that the model cannot read (a null, a category out of range) away from the workers: it stands before the
 * rows are cut into steps, so that a step has its exact number of rows whatever was taken out.
 */
export class BadRows {
  readonly #options: BadRowOptions;
  #context!: SubtaskContext;
  #counter!: Counter;
  #seen = 0;

  constructor(options: BadRowOptions) {
    this.#options = options;
  }

  open(context: SubtaskContext): void {
    this.#context = context;
    this.#counter = context.metrics.counter('dead_letters_total', 'Records that the model could not read.');
  }

  /** The rows that the model can read; the batch itself where these are all. @throws RECORD_MALFORMED where onBadRecord is 'fail' */
  takeOut(batch: RecordBatch): RecordBatch {
    const { model, onBadRecord } = this.#options;
    const from = this.#seen;
    this.#seen += batch.length;
    const bad = model.badRows(batch, true);
    const [first] = bad;
    if (first === undefined) return batch;
    const { operator, index } = this.#context;
    const where = (row: number): string => `record ${from + row} of subtask ${index}`;
    const why = ({ column, cause }: { readonly column: string; readonly cause: string }): string => `model ${model.name}: column '${column}': ${cause}`;
    if (onBadRecord === 'fail') {
      throw new MillraceError('RECORD_MALFORMED', `${operator.name}: ${where(first.row)}: ${why(first)}; the record: ${showRecord(batch.row(first.row))}`, {
        details: { operator: operator.uid, subtask: index, record: from + first.row, column: first.column },
      });
    }
    const causes = new Map<number, string>();
    for (const each of bad) if (!causes.has(each.row)) causes.set(each.row, why(each));
    const letters = [...causes]
      .sort(([a], [b]) => a - b)
      .map(([row, cause]) => {
        return { source: operator.name, position: where(row), code: 'RECORD_MALFORMED', cause, record: showRecord(batch.row(row)), ...noOriginal };
      });
    this.#context.output(deadLetterTag).emit(batchFromRows(deadLetterSchema, letters));
    this.#counter.add(letters.length);
    return batch.take(Int32Array.from({ length: batch.length }, (_, row) => row).filter((row) => !causes.has(row)));
  }
}
