import { MillraceError } from '../../core/errors.js';
import type { NumericData } from '../tensor-data.js';
import { stringBytes } from '../tensor-data.js';
import type { TensorValue } from '../tensor-value.js';

/** How far a graph may be from what eager tfjs gave, relative to the larger of 1 and the largest value. */
const tolerance = 1e-4;

/**
 * Holds what a graph gives for a batch against what tfjs gave for it while tracing.
 *
 * @throws UNSUPPORTED where they differ: something was traced that a graph does not follow
 */
export function checkSample(where: string, names: readonly string[], wanted: readonly TensorValue[], made: readonly TensorValue[]): void {
  wanted.forEach((expected, i) => {
    const got = made[i] as TensorValue;
    const problem = difference(expected, got);
    if (problem !== undefined) throw new MillraceError('UNSUPPORTED', `tracing: ${where}: output '${names[i] ?? i}' ${problem}`);
  });
}

function difference(expected: TensorValue, got: TensorValue): string | undefined {
  if (String(expected.shape) !== String(got.shape)) return `is [${String(got.shape)}] as a graph but [${String(expected.shape)}] in tfjs`;
  if (expected.dtype === 'string') {
    const same = (expected.data as string[]).every((text, k) => Buffer.compare(stringBytes(text), stringBytes((got.data as string[])[k]!)) === 0);
    return same ? undefined : 'has other strings as a graph than in tfjs';
  }
  const [a, b] = [expected.data as NumericData, got.data as NumericData];
  let largest = 1;
  for (const value of a) if (Number.isFinite(Number(value))) largest = Math.max(largest, Math.abs(Number(value)));
  const bound = tolerance * largest;
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [Number(a[k]), Number(b[k])];
    if (!Object.is(x, y) && !(Math.abs(x - y) <= bound)) return `is ${y} as a graph but ${x} in tfjs for the same input`;
  }
  return undefined;
}
