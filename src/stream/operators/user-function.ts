import { isMillraceError, MillraceError } from '../../core/errors.js';
import { deadLetterSchema, deadLetterTag, type DeadLetter } from '../connector.js';
import type { OperatorSpec } from '../graph-builder.js';
import type { UserFunctionOptions } from '../operator-options.js';
import type { SubtaskContext } from '../subtask.js';

/** What operators with a user function have in common in the graph. */
export function userFunctionSpec({ name, uid, parallelism, onError }: UserFunctionOptions): Partial<OperatorSpec> {
  return { name, uid, parallelism, ...(onError === 'deadLetter' ? { sideOutputs: { [deadLetterTag]: deadLetterSchema } } : {}) };
}

const maxShownLength = 500;

/** What happens where a user function throws: counts records, so that the failing one can be named. */
export class UserFunctionErrors {
  #context!: SubtaskContext;
  /** Records before the current batch. */
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
  report(thrown: unknown, index: number, record: unknown): void {
    const { operator, index: subtask } = this.#context;
    const position = `record ${this.#seen + index} of subtask ${subtask}`;
    const cause = thrown instanceof Error ? thrown.message : String(thrown);
    const shown = showRecord(record);
    if (this.onError === 'fail') {
      throw new MillraceError('USER_FUNCTION', `${operator.name}: its function threw at ${position}: ${cause}; the record: ${shown}`, {
        cause: thrown,
        details: { operator: operator.uid, subtask, record: this.#seen + index },
      });
    }
    this.#letters.push({ source: operator.name, position, code: isMillraceError(thrown) ? thrown.code : 'USER_FUNCTION', cause, record: shown });
  }

  /** The current batch is done: `rows` records more were seen; hands over its dead letters. */
  endBatch(rows: number): readonly DeadLetter[] {
    this.#seen += rows;
    if (this.#letters.length === 0) return [];
    const letters = this.#letters;
    this.#letters = [];
    return letters;
  }
}

function showRecord(record: unknown): string {
  let text: string;
  try {
    text =
      JSON.stringify(record, (_, value: unknown) =>
        typeof value === 'bigint' ? value.toString() : ArrayBuffer.isView(value) ? [...(value as Uint8Array)] : value,
      ) ?? String(record);
  } catch {
    text = String(record);
  }
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}...` : text;
}
