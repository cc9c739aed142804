import { isMillraceError, MillraceError } from '../../core/errors.js';
import { batchFromRows } from '../../memory/index.js';
import { deadLetterSchema, deadLetterTag, noOriginal, type DeadLetter } from '../connector.js';
import type { OperatorSpec } from '../graph-builder.js';
import type { ResolvedUserFunctionOptions } from '../operator-options.js';
import { showRecord } from '../show-record.js';
import type { SubtaskContext } from '../subtask.js';

/** What operators with a user function have in common in the graph. */
export function userFunctionSpec({ name, uid, parallelism, onError }: ResolvedUserFunctionOptions): Partial<OperatorSpec> {
  return { name, uid, parallelism, sideOutputs: onError === 'deadLetter' ? { [deadLetterTag]: deadLetterSchema } : {} };
}

/** What happens where a user function throws. Counts records, so that the failing one can be named. */
export class UserFunctionErrors {
  #context!: SubtaskContext;
  /** Records in batches before the current one. */
  #seen = 0;
  #letters: DeadLetter[] = [];

  constructor(private readonly onError: 'fail' | 'deadLetter') {}

  open(context: SubtaskContext): void {
    this.#context = context;
  }

  /**
   * Reports the record at `index` of the current batch.
   *
   * @throws USER_FUNCTION unless records may go to the dead letters
   */
  report(thrown: unknown, index: number, record: unknown, what = 'its function'): void {
    const { operator, index: subtask } = this.#context;
    const position = `record ${this.#seen + index} of subtask ${subtask}`;
    const cause = thrown instanceof Error ? thrown.message : String(thrown);
    const shown = showRecord(record);
    if (this.onError === 'fail') {
      throw new MillraceError('USER_FUNCTION', `${operator.name}: ${what} threw at ${position}: ${cause}; the record: ${shown}`, {
        cause: thrown,
        details: { operator: operator.uid, subtask, record: this.#seen + index },
      });
    }
    this.#letters.push({ source: operator.name, position, code: isMillraceError(thrown) ? thrown.code : 'USER_FUNCTION', cause, record: shown, ...noOriginal });
  }

  /** The current batch of `rows` records is done: its dead letters leave. */
  endBatch(rows: number): void {
    this.#seen += rows;
    if (this.#letters.length === 0) return;
    this.#context.output(deadLetterTag).emit(batchFromRows(deadLetterSchema, this.#letters));
    this.#letters = [];
  }
}
