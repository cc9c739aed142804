import { ColumnBatch } from './column-batch.js';
import { shapeOf } from './row-shape.js';
import type { RecordBatch } from './batch.js';

/**
 * Rows of a batch one after another without making objects: `at(i)` gives a row whose properties are read from the
 * columns when they are asked for.
 *
 * The row is one and the same object each time, valid until the next `at` and while the batch is; spreading it gives
 * nothing. For functions that return a scalar; whoever keeps a row takes `batch.row(i)`.
 */
export function rowView<R>(batch: RecordBatch<R>): { at(index: number): R } {
  if (!(batch instanceof ColumnBatch)) return { at: (index) => batch.row(index) };
  const type = shapeOf(batch.schema).view;
  const view = new type(batch.columns);
  return { at: (index) => type.at(view, index) as R };
}
