import type { RecordBatch } from '../../memory/batch.js';
import { BatchBuilder } from '../../memory/index.js';
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
    copies: ['an object for each record', ...(schema === undefined ? [] : ['its result into columns'])],
    ...userFunctionSpec(options),
    create: () => new MapRows(schema, fn, options.onError),
  };
}

class MapRows implements Subtask {
  readonly #errors: UserFunctionErrors;
  readonly #builder: BatchBuilder<unknown>;
  #output!: Output;

  constructor(
    schema: Schema | undefined,
    private readonly fn: (row: unknown) => unknown,
    onError: 'fail' | 'deadLetter',
  ) {
    this.#errors = new UserFunctionErrors(onError);
    this.#builder = new BatchBuilder(schema);
  }

  open(context: SubtaskContext): void {
    this.#output = context.output();
    this.#errors.open(context);
  }

  process(batch: RecordBatch): void {
    const { fn } = this;
    const { times, length } = batch;
    for (let i = 0; i < length; i++) {
      const row = batch.row(i);
      try {
        this.#builder.append(fn(row), times?.[i]);
      } catch (thrown) {
        this.#errors.report(thrown, i, row);
      }
    }
    if (this.#builder.length > 0) this.#output.emit(this.#builder.finish() as RecordBatch);
    this.#errors.endBatch(length);
  }
}
