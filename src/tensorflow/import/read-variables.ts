import { z } from 'zod';
import { resolveOptions } from '../../core/index.js';
import { keyAsName } from '../saved-model/stored-variables.js';
import type { TensorDtype, TensorValue } from '../tensor-value.js';
import { sameValue } from './same-value.js';
import { openVariablesBundle } from './variables-bundle.js';

export const readVariablesOptions = z.strictObject({
  /** Which meta graph of the SavedModel; all tags must match. */
  tags: z.array(z.string().min(1)).min(1).default(['serve']),
});

export type ReadVariablesOptions = z.input<typeof readVariablesOptions>;

/** A variable that was read from a SavedModel. */
export interface ReadVariable {
  /** Its key in the files. */
  readonly key: string;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  /** The caller's. */
  readonly value: TensorValue;
}

/**
 * All variables of a SavedModel by name: `dense/kernel` as Keras says, `path/to/variable` in the object where Python gave no
 * name. Variables of the same name with different values come under their paths, all but the first.
 *
 * @throws FILE_NOT_FOUND, FORMAT_INVALID, MODEL_INVALID (no meta graph has the tags), UNSUPPORTED for a dtype that does not
 *   leave graphs (bfloat16, complex), SETUP_NEEDED, TENSORFLOW
 */
export async function readVariables(dir: string, options?: ReadVariablesOptions): Promise<Map<string, ReadVariable>> {
  const { tags } = resolveOptions(readVariablesOptions, options, `SavedModel ${dir}`);
  const bundle = await openVariablesBundle(dir, tags);
  const byName = new Map<string, ReadVariable>();
  for (const stored of bundle.variables) {
    const value = await bundle.read(stored);
    const first = byName.get(stored.name);
    // Keras exports lists of its variables, and with them copies.
    if (first !== undefined && sameValue(first.value, value)) continue;
    byName.set(first === undefined ? stored.name : keyAsName(stored.key), { key: stored.key, dtype: value.dtype, shape: value.shape, value });
  }
  return byName;
}
