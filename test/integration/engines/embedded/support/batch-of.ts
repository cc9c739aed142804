import { rowBatch, type RecordBatch } from '../../../../../src/memory/index.js';

export function batchOf(rows: readonly object[]): RecordBatch {
  return rowBatch(rows as readonly Record<string, unknown>[]);
}
