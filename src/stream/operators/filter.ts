import type { RecordBatch } from '../../memory/batch.js';
import { rowView } from '../../memory/index.js';
import type { Schema } from '../../memory/schema.js';
import type { OperatorSpec } from '../graph-builder.js';
import type { ResolvedUserFunctionOptions } from '../operator-options.js';
import type { Output, Subtask, SubtaskContext } from '../subtask.js';
import { UserFunctionErrors, userFunctionSpec } from './user-function.js';

/** The records for which `predicate` is true. */
export function filterOperator(schema: Schema | undefined, predicate: (row: unknown) => boolean, options: ResolvedUserFunctionOptions): OperatorSpec {
  return { kind: 'filter', schema, copies: ['kept rows, unless all are'], ...userFunctionSpec(options), create: () => new Filter(predicate, options.onError) };
}

class Filter implements Subtask {
  readonly #errors: UserFunctionErrors;
  #output!: Output;

  constructor(
    private readonly predicate: (row: unknown) => boolean,
    onError: 'fail' | 'deadLetter',
  ) {
    this.#errors = new UserFunctionErrors(onError);
  }

  open(context: SubtaskContext): void {
    this.#output = context.output();
    this.#errors.open(context);
  }

  process(batch: RecordBatch): void {
    const { predicate } = this;
    const { length } = batch;
    const kept = new Int32Array(length);
    const view = rowView(batch);
    let count = 0;
    for (let i = 0; i < length; i++) {
      try {
        if (predicate(view.at(i))) kept[count++] = i;
      } catch (thrown) {
        this.#errors.report(thrown, i, batch.row(i));
      }
    }
    if (count === length) this.#output.emit(batch);
    else if (count > 0) this.#output.emit(batch.take(kept.subarray(0, count)));
    this.#errors.endBatch(length);
  }
}
