import type { Schema } from '../../memory/schema.js';
import type { SinkConnector } from '../connector.js';
import type { OperatorSpec } from '../graph-builder.js';
import type { OperatorOptions } from '../operator-options.js';

/** The operator that runs a sink connector. */
export function sinkOperator<R>(schema: Schema | undefined, sink: SinkConnector<R>, options: OperatorOptions): OperatorSpec {
  return {
    ...options,
    kind: 'sink',
    name: options.name ?? sink.name,
    maxParallelism: sink.maxParallelism,
    schema: undefined,
    notes: sink.notes,
    create: () => sink.create(schema),
  };
}
