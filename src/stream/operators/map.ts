import type { RecordBatch } from '../../memory/batch.js';
import { BatchBuilder, RowCursor } from '../../memory/index.js';
import type { Schema } from '../../memory/schema.js';
import type { OperatorSpec } from '../graph-builder.js';
import type { ResolvedUserFunctionOptions } from '../operator-options.js';
import type { Output, Subtask, SubtaskContext } from '../subtask.js';
import { UserFunctionErrors, userFunctionSpec } from './user-function.js';

/** One record of each record; columns where `schema` is given. */
export function mapOperator(schema: Schema | undefined, fn: (row: unknown) => unknown, options: ResolvedUserFunctionOptions): OperatorSpec {
  return {
    kind: 'map',
    schema,
    copies: [schema === undefined ? 'an object for each record' : 'its results into columns'],
    ...userFunctionSpec(options),
    create: () => new MapRows(schema, fn, options.onError),
  };
}

class MapRows implements Subtask {
  readonly #errors: UserFunctionErrors;
  readonly #builder: BatchBuilder<unknown>;
  /** Columns made of columns need no object in between; an object that leaves has to be a fresh one. */
  readonly #cursor: RowCursor | undefined;
  readonly #lend = (batch: RecordBatch<unknown>): boolean => this.#output.lend(batch as RecordBatch);
  #output!: Output;

  constructor(
    schema: Schema | undefined,
    private readonly fn: (row: unknown) => unknown,
    onError: 'fail' | 'deadLetter',
  ) {
    this.#errors = new UserFunctionErrors(onError);
    this.#builder = new BatchBuilder(schema);
    this.#cursor = schema === undefined ? undefined : new RowCursor();
  }

  open(context: SubtaskContext): void {
    this.#output = context.output();
    this.#errors.open(context);
  }

  process(batch: RecordBatch): void {
    const { fn } = this;
    const { times, length } = batch;
    const rows = this.#cursor;
    rows?.open(batch);
    for (let i = 0; i < length; i++) {
      const row = rows === undefined ? batch.row(i) : rows.at(i);
      try {
        this.#builder.append(fn(row), times?.[i]);
      } catch (thrown) {
        this.#errors.report(thrown, i, batch.row(i));
      }
    }
    if (this.#builder.length > 0) this.#builder.lend(this.#lend);
    this.#errors.endBatch(length);
  }
}
