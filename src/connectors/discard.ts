import type { SinkConnector } from '../stream/connector.js';

/** A sink that drops every row: the end of a stream whose side effects, metrics or speed are what counts. */
export function discard(): SinkConnector<unknown> {
  return { name: 'discard', maxParallelism: undefined, notes: [], create: () => ({ process: () => undefined, open: () => undefined }) };
}
