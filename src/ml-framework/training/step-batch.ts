import { t, type RecordBatch, type Schema } from '../../memory/index.js';

/**
 * Columns that a label delay adds. A step is one batch: rows to be predicted, then rows to be learned, with its place in
 * the order of steps in every row.
 */
export const phaseColumn = 'millrace_phase';
export const orderColumn = 'millrace_order';

export const phase = { predict: 0, learn: 1 } as const;

export function delayedSchema(schema: Schema): Schema {
  return { ...schema, [phaseColumn]: t.uint8(), [orderColumn]: t.float64() };
}

/** What one step of a worker does. */
export interface StepBatch {
  /** Rows to be predicted now and learned later; absent where there are none, or where no label is late. */
  readonly predict: RecordBatch | undefined;
  readonly learn: RecordBatch | undefined;
  /** Place in the order of steps, from 0; undefined where no label is late. */
  readonly order: number | undefined;
}

export function splitStep(batch: RecordBatch, isDelayed: boolean): StepBatch {
  if (!isDelayed) return { predict: undefined, learn: batch, order: undefined };
  const phases = batch.column(phaseColumn);
  let from = 0;
  let to = batch.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (phases.get(middle) === phase.predict) from = middle + 1;
    else to = middle;
  }
  const names = Object.keys(batch.schema ?? {}).filter((name) => name !== phaseColumn && name !== orderColumn);
  const rows = batch.select(names);
  return {
    predict: from === 0 ? undefined : rows.slice(0, from),
    learn: from === batch.length ? undefined : rows.slice(from, batch.length),
    order: batch.column(orderColumn).get(0) as number,
  };
}
