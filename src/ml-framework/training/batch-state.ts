import { decodeBatch, encodeBatch, encodedBatchBytes, type RecordBatch, type Schema } from '../../memory/index.js';

/** A batch as bytes of state, and back. */
export function batchToBytes(batch: RecordBatch): Uint8Array {
  const bytes = new Uint8Array(encodedBatchBytes(batch));
  encodeBatch(batch, bytes);
  return bytes;
}

/** @throws FORMAT_INVALID */
export function bytesToBatch(bytes: Uint8Array, schema: Schema): RecordBatch {
  // A private copy: state bytes belong to the engine.
  return decodeBatch(bytes.slice(), schema);
}
