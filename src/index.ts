// The main thread loads this before it starts workers: memory that native code of all threads shares must lie ready by then.
import './tensorflow/library/process-memory.js';
export * from './core/index.js';
export * from './memory/schema.js';
export { batchFromColumns, batchFromRows, BatchBuilder, type Column, type RecordBatch } from './memory/index.js';
export * from './stream/index.js';
export * from './connectors/index.js';
export * from './tensorflow/model/index.js';
export * from './inference/index.js';
export * from './ml-framework/index.js';
import './roles/index.js';
