import { MillraceError } from '../core/errors.js';
import { formatField, sameField, t, type Field, type Schema } from '../memory/schema.js';
import { readSignatureSync } from '../tensorflow/saved-model/index.js';
import { describeSpec } from '../tensorflow/tensor-data.js';
import type { Signature, TensorSpec } from '../tensorflow/tensor-value.js';
import { feedInput, inputProblems, nullRows, type InputColumns } from './column-feeds.js';
import type { ScorerDefinition } from './scorer.js';

/** A SavedModel on disk, and how the stream's columns become its inputs. */
export interface SavedModelReference<O extends Schema = Schema> {
  /** Directory with saved_model.pb. */
  readonly savedModel: string;
  /** Default 'serving_default'. */
  readonly signature?: string;
  /** Default ['serve']. */
  readonly tags?: readonly string[];
  /** Column of each input by input name, or several columns of numbers joined into [batch, n]. Default: the column of its name. */
  readonly inputs?: Readonly<Record<string, string | readonly string[]>>;
  /** Outputs to keep, with their types. Default: all of them, known at run time only. */
  readonly outputs?: O;
}

/** @throws FILE_NOT_FOUND, FORMAT_INVALID, MODEL_INVALID for a directory or signature that cannot be used */
export function savedModelScorer(reference: SavedModelReference): ScorerDefinition {
  const { savedModel, signature: name = 'serving_default', tags = ['serve'], inputs = {} } = reference;
  const title = `SavedModel ${savedModel}`;
  const { signature } = readSignatureSync(savedModel, { tags, signature: name });
  const unknown = Object.keys(inputs).filter((input) => !signature.inputs.some((spec) => spec.name === input));
  if (unknown.length > 0) {
    throw new MillraceError(
      'MODEL_INVALID',
      `${title}: no input ${unknown.map((each) => `'${each}'`).join(', ')}; signature '${name}' has ${signature.inputs.map((spec) => `'${spec.name}'`).join(', ')}`,
    );
  }
  const outputs = outputColumns(title, signature, reference.outputs);
  const fed = signature.inputs.map((spec): InputColumns => {
    const columns = inputs[spec.name] ?? spec.name;
    return { spec, columns: typeof columns === 'string' ? [columns] : columns };
  });
  return {
    title,
    outputs,
    problems: (schema) =>
      schema === undefined
        ? ['the stream has no schema; give its rows one first: map(schema, fn), or a source with a schema']
        : fed.flatMap((input) => inputProblems(input, schema)),
    open: async () => {
      // Only now: defining a job loads no native code.
      const { openSavedModelPredictor } = await import('../tensorflow/native/index.js');
      const predictor = await openSavedModelPredictor(savedModel, { signature: name, tags: [...tags] });
      return {
        badRows: (batch) => nullRows(fed, batch),
        feeds: (batch) => Object.fromEntries(fed.map((input) => [input.spec.name, feedInput(input, batch)])),
        run: async (feeds) => ({ outputs: await predictor.run(feeds), version: 0 }),
        close: () => predictor.close(),
      };
    },
  };
}

function outputColumns(title: string, { outputs }: Signature, declared: Schema | undefined): Schema {
  const made = new Map(outputs.map((spec) => [spec.name, spec]));
  if (declared === undefined) return Object.fromEntries(outputs.map((spec) => [spec.name, outputField(title, spec)]));
  for (const [name, field] of Object.entries(declared)) {
    const spec = made.get(name);
    if (spec === undefined) throw new MillraceError('MODEL_INVALID', `${title}: no output '${name}'; it has ${[...made.keys()].join(', ')}`);
    const has = outputField(title, spec);
    // One value of an unknown number per row may be declared as what it is known to be.
    if (!sameField(has, field))
      throw new MillraceError(
        'MODEL_INVALID',
        `${title}: output '${name}' is ${formatField(has)} (${describeSpec(spec.dtype, spec.shape)}), declared was ${formatField(field)}`,
      );
  }
  return declared;
}

/** The column that holds one row of an output. @throws MODEL_INVALID where none can */
export function outputField(title: string, { name, dtype, shape }: TensorSpec): Field {
  const rest = shape?.slice(1) ?? [];
  const width = rest.reduce((product, size) => product * size, 1);
  const problem = (why: string): MillraceError =>
    new MillraceError('MODEL_INVALID', `${title}: output '${name}' is ${describeSpec(dtype, shape)}, ${why}; choose other outputs, or another signature`);
  if (shape !== undefined && shape.length === 0) throw problem('one value for the whole batch');
  if (rest.some((size) => size < 0)) {
    if (dtype === 'string') throw problem('a varying number of strings per row, which no column holds');
    return t.list();
  }
  if (width === 1) {
    if (dtype === 'uint64') return t.float64();
    return (t[dtype] as () => Field)();
  }
  if (dtype === 'float32') return t.vector(width);
  if (dtype === 'string') throw problem('several strings per row, which no column holds');
  return t.list();
}
