import type { RecordBatch } from '../../memory/batch.js';
import { formatSchema, sameSchema, type Schema } from '../../memory/schema.js';
import type { OperatorSpec } from '../graph-builder.js';
import type { Output, Subtask, SubtaskContext } from '../subtask.js';

/**
 * Puts streams of one record type together: same columns and types, in any order.
 *
 * @param problem records what does not fit
 */
export function unionOperator(
  inputs: readonly { readonly schema: Schema | undefined; readonly name: string }[],
  problem: (message: string) => void,
): OperatorSpec {
  const schema = inputs[0]?.schema;
  for (const input of inputs.slice(1)) {
    if (!sameColumns(schema, input.schema))
      problem(`cannot join ${input.name} with ${describe(input.schema)} to ${inputs[0]?.name ?? ''} with ${describe(schema)}`);
  }
  return {
    kind: 'union',
    schema,
    reads: inputs.map(() => []),
    passesColumns: true,
    create: () => new Union(schema === undefined ? undefined : Object.keys(schema)),
  };
}

class Union implements Subtask {
  #output!: Output;

  constructor(private readonly order: readonly string[] | undefined) {}

  open(context: SubtaskContext): void {
    this.#output = context.output();
  }

  process(batch: RecordBatch): void {
    const names = this.order?.filter((name) => Object.hasOwn(batch.schema ?? {}, name));
    const isOrdered = names === undefined || batch.schema === undefined || Object.keys(batch.schema).every((name, i) => name === names[i]);
    this.#output.emit(isOrdered ? batch : batch.select(names));
  }
}

function sameColumns(a: Schema | undefined, b: Schema | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const sorted = (schema: Schema): Schema => Object.fromEntries(Object.entries(schema).sort(([left], [right]) => (left < right ? -1 : 1)));
  return sameSchema(sorted(a), sorted(b));
}

function describe(schema: Schema | undefined): string {
  return schema === undefined ? 'rows without a schema' : formatSchema(schema);
}
