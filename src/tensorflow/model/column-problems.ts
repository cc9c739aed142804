import { formatField, formatSchema, type Dtype, type Field, type Schema } from '../../memory/schema.js';
import type { ModelInput } from './inputs.js';

const integers: ReadonlySet<Dtype> = new Set<Dtype>(['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32']);
const numbers: ReadonlySet<Dtype> = new Set<Dtype>([...integers, 'float16', 'float32', 'float64', 'bool']);
const hashable: ReadonlySet<Dtype> = new Set<Dtype>([...integers, 'string']);

export interface ColumnNeeds {
  readonly inputs: Readonly<Record<string, ModelInput>>;
  readonly labels: Readonly<Record<string, Field>>;
  readonly outputs: Schema;
}

/** What keeps a model from reading a stream of this schema, one sentence each. */
export function columnProblems({ inputs, labels, outputs }: ColumnNeeds, schema: Schema | undefined, withLabels: boolean): readonly string[] {
  if (schema === undefined) return ['the stream has no schema; give its rows one first: map(schema, fn), or a source with a schema'];
  const problems: string[] = [];
  for (const [name, input] of Object.entries(inputs)) {
    const problem = lookUp(schema, name, 'input') ?? inputProblem(name, input, schema[name] as Field);
    if (problem !== undefined) problems.push(problem);
  }
  if (withLabels) {
    for (const [name, label] of Object.entries(labels)) {
      const problem = lookUp(schema, name, 'label') ?? labelProblem(name, label, schema[name] as Field);
      if (problem !== undefined) problems.push(problem);
    }
  }
  for (const name of Object.keys(outputs))
    if (Object.hasOwn(schema, name)) problems.push(`the model's output '${name}' has the name of a column; rename the output in build or the column`);
  return problems;
}

function lookUp(schema: Schema, name: string, what: string): string | undefined {
  return Object.hasOwn(schema, name) ? undefined : `${what} '${name}' is no column of the stream, which has ${formatSchema(schema)}`;
}

function inputProblem(name: string, input: ModelInput, field: Field): string | undefined {
  const has = `column '${name}' is ${formatField(field)}`;
  switch (input.kind) {
    case 'numeric':
      if (input.size > 1 || field.dtype === 'vector') {
        if (field.dtype !== 'vector' || field.size !== input.size) return `${has}, but numeric({ size: ${input.size} }) takes vector(${input.size})`;
      } else if (!numbers.has(field.dtype))
        return `${has}, but numeric() takes numbers and bool${field.dtype === 'timestamp' ? '; derive a number from it' : ''}`;
      return field.nullable && input.default === undefined ? `${has}: give numeric() a \`default\` for nulls` : undefined;
    case 'category':
      if (!integers.has(field.dtype)) return `${has}, but category(${input.count}) takes integers`;
      return field.nullable && input.overflow === 'error' ? `${has}: give category() { overflow: 'bucket' } for nulls` : undefined;
    case 'embedding':
      return hashable.has(field.dtype) ? undefined : `${has}, but embedding() takes strings and integers`;
  }
}

function labelProblem(name: string, label: Field, field: Field): string | undefined {
  const has = `label column '${name}' is ${formatField(field)}`;
  if (field.nullable) return `${has}; labels must not be nullable: filter nulls out`;
  if (label.dtype === 'vector' || field.dtype === 'vector')
    return label.dtype === field.dtype && label.size === field.size ? undefined : `${has}, but the model wants ${formatField(label)}`;
  return numbers.has(field.dtype) ? undefined : `${has}, but a label is a number, bool or vector`;
}

/** What is wrong with a model's label fields by themselves. */
export function labelDefinitionProblems(labels: Readonly<Record<string, Field>>): readonly string[] {
  return Object.entries(labels)
    .filter(([, field]) => field.nullable || (field.dtype !== 'vector' && !numbers.has(field.dtype)))
    .map(([name, field]) => `label '${name}' is ${formatField(field)}; a label is a number, bool or vector, never null`);
}
