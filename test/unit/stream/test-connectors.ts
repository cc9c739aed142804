import type { Infer, Schema } from '../../../src/memory/schema.js';
import type { SinkConnector, SourceConnector, SourceSubtask, Subtask } from '../../../src/stream/index.js';

const idleSource: SourceSubtask = { open: () => undefined, read: () => ({ next: 'end' }) };
const idleSink: Subtask = { open: () => undefined, process: () => undefined };

/** A source that exists for its place in a graph only. */
export function emptySource<S extends Schema>(schema: S, more: Partial<SourceConnector<Infer<S>>> = {}): SourceConnector<Infer<S>> {
  return { name: 'list', schema, boundedness: 'bounded', maxParallelism: undefined, notes: [], create: () => idleSource, ...more };
}

/** A sink that exists for its place in a graph only. */
export function emptySink<R>(more: Partial<SinkConnector<R>> = {}): SinkConnector<R> {
  return { name: 'collect', maxParallelism: undefined, notes: [], create: () => idleSink, ...more };
}
