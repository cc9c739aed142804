import type { Infer, Schema } from '../memory/schema.js';
import type { SourceConnector } from '../stream/connector.js';
import { IndexedSource } from './indexed-source.js';

/**
 * A bounded source over rows in memory, in their order at parallelism 1. Every thread evaluates the list again, so it must
 * be the same each time.
 *
 * @param schema undefined: schemaless rows
 */
export function fromList<const S extends Schema>(rows: readonly Infer<S>[], schema: S): SourceConnector<Infer<S>>;
export function fromList<R>(rows: readonly R[]): SourceConnector<R>;
export function fromList(rows: readonly unknown[], schema?: Schema): SourceConnector<never> {
  return {
    name: 'list',
    schema,
    boundedness: 'bounded',
    maxParallelism: undefined,
    notes: [`${rows.length} rows`],
    create: (options) => new IndexedSource({ schema, count: rows.length, rowsPerSecond: undefined, make: (index) => rows[index] }, options),
  };
}
