import { withColumns, type ColumnValues, type RecordBatch, type Schema } from '../../memory/index.js';
import type { TensorValue } from '../../tensorflow/tensor-value.js';

/** Records with what the model said of them: the columns of the batch, then the outputs. Owns its memory. */
export function predictionBatch(batch: RecordBatch, predictions: Readonly<Record<string, TensorValue>>, outputs: Schema): RecordBatch {
  const values = Object.fromEntries(Object.keys(outputs).map((name) => [name, predictions[name]?.data as ColumnValues]));
  return withColumns(batch.retain(), { ...batch.schema, ...outputs }, values);
}
