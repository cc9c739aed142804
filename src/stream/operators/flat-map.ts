import type { RecordBatch } from '../../memory/batch.js';
import { BatchBuilder } from '../../memory/index.js';
import type { Schema } from '../../memory/schema.js';
import type { OperatorSpec } from '../graph-builder.js';
import type { ResolvedUserFunctionOptions } from '../operator-options.js';
import type { Output, Subtask, SubtaskContext } from '../subtask.js';
import { UserFunctionErrors, userFunctionSpec } from './user-function.js';

/** Results leave in batches of about this many rows. */
const maxBatchRows = 8192;

/** Any number of records of each record; columns where `schema` is given. They take over its event time. */
export function flatMapOperator(schema: Schema | undefined, fn: (row: unknown) => Iterable<unknown>, options: ResolvedUserFunctionOptions): OperatorSpec {
  return {
    kind: 'flatMap',
    schema,
    copies: ['an object for each record', ...(schema === undefined ? [] : ['its results into columns'])],
    ...userFunctionSpec(options),
    create: () => new FlatMap(schema, fn, options.onError),
  };
}

class FlatMap implements Subtask {
  readonly #errors: UserFunctionErrors;
  readonly #builder: BatchBuilder<unknown>;
  readonly #lend = (batch: RecordBatch<unknown>): boolean => this.#output.lend(batch as RecordBatch);
  #output!: Output;

  constructor(
    private readonly schema: Schema | undefined,
    private readonly fn: (row: unknown) => Iterable<unknown>,
    private readonly onError: 'fail' | 'deadLetter',
  ) {
    this.#errors = new UserFunctionErrors(onError);
    this.#builder = new BatchBuilder(schema);
  }

  open(context: SubtaskContext): void {
    this.#output = context.output();
    this.#errors.open(context);
  }

  process(batch: RecordBatch): void {
    const { times, length } = batch;
    for (let i = 0; i < length; i++) {
      const row = batch.row(i);
      try {
        this.#append(this.fn(row), times?.[i]);
      } catch (thrown) {
        this.#errors.report(thrown, i, row);
      }
      if (this.#builder.length >= maxBatchRows) this.#flush();
    }
    this.#flush();
    this.#errors.endBatch(length);
  }

  /** All results of a record or none: what throws half way leaves nothing behind. */
  #append(made: Iterable<unknown>, time: number | undefined): void {
    const rows = Array.isArray(made) ? (made as readonly unknown[]) : [...made];
    // The builder takes one row whole or not at all; several are tried apart first, so that a misfit drops all of them.
    if (this.onError === 'deadLetter' && this.schema !== undefined && rows.length > 1) {
      const trial = new BatchBuilder<unknown>(this.schema, rows.length);
      for (const row of rows) trial.append(row);
    }
    for (const row of rows) this.#builder.append(row, time);
  }

  #flush(): void {
    if (this.#builder.length > 0) this.#builder.lend(this.#lend);
  }
}
