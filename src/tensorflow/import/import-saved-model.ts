import { z } from 'zod';
import { MillraceError, resolveOptions } from '../../core/index.js';
import type { Tfjs } from '../eager/index.js';
import { describeSpec } from '../tensor-data.js';
import type { TensorValue } from '../tensor-value.js';
import { matchWeights, type WeightMatch } from './match-weights.js';
import { readVariablesOptions } from './read-variables.js';
import { sameValue } from './same-value.js';
import { openVariablesBundle, type VariablesBundle } from './variables-bundle.js';

type LayersModel = ReturnType<Tfjs['model']>;
type Weight = LayersModel['weights'][number];

export const importSavedModelOptions = readVariablesOptions.extend({
  /** Stored variable, by name or key, for each weight that is not to be found by its own name. */
  names: z.record(z.string().min(1), z.string().min(1)).default({}),
});

export type ImportSavedModelOptions = z.input<typeof importSavedModelOptions>;

/** A weight that was set. */
export interface ImportedWeight {
  /** `layer/weight`, as tfjs names it. */
  readonly weight: string;
  /** The name that the variable has in the SavedModel. */
  readonly variable: string;
  readonly key: string;
  readonly shape: readonly number[];
}

/**
 * Sets the weights of a tfjs layers model to the values of a SavedModel of Python or Millrace, by name: `dense/kernel` gets
 * `dense/kernel`, or the only variable whose path has these parts in this order, such as `model/dense/kernel`. Variables that
 * no weight asks for, such as an optimizer's, are left alone. All weights are set, or none.
 *
 * Names, shapes and dtypes are checked; settings of layers are not, and some defaults differ: Keras's LSTM and GRU have
 * `recurrentActivation: 'sigmoid'` (tfjs: hardSigmoid), and tfjs knows Keras's GRU only with `reset_after=False`.
 *
 * @returns what was read, in the order of the model's weights
 * @throws MODEL_INVALID listing every weight for which nothing, or more than one thing, is stored, or whose shape or dtype
 *   differs; FILE_NOT_FOUND, FORMAT_INVALID, SETUP_NEEDED, TENSORFLOW
 */
export async function importSavedModel(dir: string, model: LayersModel, options?: ImportSavedModelOptions): Promise<readonly ImportedWeight[]> {
  const { tags, names } = resolveOptions(importSavedModelOptions, options, `import of SavedModel ${dir}`);
  const bundle = await openVariablesBundle(dir, tags);
  const weights = new Map(model.weights.map((weight) => [weight.originalName, weight]));
  const { matches, problems } = matchWeights(
    model.weights.map(({ originalName }) => originalName),
    bundle.variables,
    names,
  );
  const found: { weight: Weight; imported: ImportedWeight; value: TensorValue }[] = [];
  const misfits: string[] = [];
  for (const match of matches) {
    const weight = weights.get(match.weight) as Weight;
    const value = await valueFor(match, weight, bundle);
    if (typeof value === 'string') {
      misfits.push(value);
      continue;
    }
    const [{ name, key }] = match.stored as [WeightMatch['stored'][number]];
    found.push({ weight, value, imported: { weight: match.weight, variable: name, key, shape: value.shape } });
  }
  const all = [...problems, ...misfits];
  if (all.length > 0) {
    const there = bundle.variables.map(({ name }) => name);
    throw new MillraceError('MODEL_INVALID', `import of SavedModel ${dir}: ${all.join('; ')}`, { details: { problems: all, variables: there } });
  }
  const { loadTfjs } = await import('../eager/index.js');
  const tf = await loadTfjs();
  tf.tidy(() => {
    for (const { weight, value } of found) weight.write(tf.tensor(value.data as Float32Array, [...value.shape], value.dtype as 'float32'));
  });
  return found.map(({ imported }) => imported);
}

/** The stored value, or what is wrong with it. */
async function valueFor({ weight, stored }: WeightMatch, { shape, dtype }: Weight, bundle: VariablesBundle): Promise<TensorValue | string> {
  const wanted = describeSpec(dtype, shape as readonly number[]);
  const values: TensorValue[] = [];
  for (const variable of stored) {
    if (variable.dtype === undefined) return `weight "${weight}": wanted ${wanted}, "${variable.name}" is of a dtype that does not leave graphs`;
    values.push(await bundle.read(variable));
  }
  const [value, ...others] = values as [TensorValue, ...TensorValue[]];
  if (others.some((other) => !sameValue(other, value))) {
    const keys = stored.map(({ key }) => `"${key}"`);
    return `weight "${weight}": several variables "${stored[0]?.name ?? ''}" with different values; say in "names" which key is meant: ${keys.join(', ')}`;
  }
  const got = describeSpec(value.dtype, value.shape);
  return got === wanted ? value : `weight "${weight}": wanted ${wanted}, the variable "${stored[0]?.name ?? ''}" is ${got}`;
}
