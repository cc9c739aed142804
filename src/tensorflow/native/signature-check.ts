import { MillraceError } from '../../core/index.js';
import { checkTensorValue, describeSpec } from '../tensor-data.js';
import type { Signature, TensorSpec, TensorValue } from '../tensor-value.js';

/**
 * Checks feeds against a signature before any native call: names, dtypes and shapes, all problems at once.
 *
 * @throws SHAPE_MISMATCH naming each input, what came and what is wanted
 */
export function checkFeeds(signature: Signature, feeds: Readonly<Record<string, TensorValue>>, where: string): void {
  const problems = signature.inputs.flatMap((spec) => problemOf(spec, feeds[spec.name]));
  const known = new Set(signature.inputs.map(({ name }) => name));
  for (const name of Object.keys(feeds)) {
    if (!known.has(name)) problems.push(`unknown input "${name}"; the signature has ${[...known].map((input) => `"${input}"`).join(', ') || 'no inputs'}`);
  }
  if (problems.length > 0) throw new MillraceError('SHAPE_MISMATCH', `${where}: ${problems.join('; ')}`, { details: { signature: signature.name, problems } });
  for (const { name } of signature.inputs) checkTensorValue(feeds[name] as TensorValue, `${where}, input "${name}"`);
}

function problemOf(spec: TensorSpec, value: TensorValue | undefined): string[] {
  const wanted = describeSpec(spec.dtype, spec.shape);
  if (value === undefined) return [`input "${spec.name}" is missing, wanted ${wanted}`];
  if (value.dtype === spec.dtype && fits(value.shape, spec.shape)) return [];
  return [`input "${spec.name}": got ${describeSpec(value.dtype, value.shape)}, wanted ${wanted}`];
}

function fits(shape: readonly number[], wanted: readonly number[] | undefined): boolean {
  if (wanted === undefined) return true;
  return shape.length === wanted.length && wanted.every((size, i) => size < 0 || size === shape[i]);
}
