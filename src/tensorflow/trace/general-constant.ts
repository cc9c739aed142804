import { affine, affineVector, type Affine } from './affine.js';
import type { GeneralStep } from './generalize.js';
import type { ConstantStep } from './recording.js';

/** What a constant is at every batch size, from what it was at some; undefined where it follows the size in a way that is not understood. */
export function generalConstant(all: readonly ConstantStep[], sizes: readonly number[]): GeneralStep | undefined {
  const [step] = all as [ConstantStep, ...ConstantStep[]];
  if (all.every((other) => sameConstant(step, other))) return { kind: 'constant', step };
  if (all.every((other) => String(other.shape) === String(step.shape))) return followingValue(all, sizes);
  const shape = affineVector(
    all.map((each) => each.shape),
    sizes,
  );
  if (shape === undefined) return undefined;
  const value = sameElement(all);
  if (value !== undefined) return { kind: 'fill', step, shape, value };
  return sameRows(all, shape) ?? sameProgression(all, shape);
}

/** True for equal dtypes, shapes and values. */
export function sameConstant(a: ConstantStep, b: ConstantStep): boolean {
  if (a.dtype !== b.dtype || String(a.shape) !== String(b.shape) || a.values.length !== b.values.length) return false;
  const [x, y] = [elements(a), elements(b)];
  for (let i = 0; i < x.length; i++) {
    const [left, right] = [x[i], y[i]];
    // The elements of strings are bytes.
    if (left instanceof Uint8Array ? Buffer.compare(left, right as Uint8Array) !== 0 : !Object.is(left, right)) return false;
  }
  return true;
}

function followingValue(all: readonly ConstantStep[], sizes: readonly number[]): GeneralStep | undefined {
  const [step] = all as [ConstantStep];
  if (step.values instanceof Int32Array && step.shape.length <= 1) {
    const entries = affineVector(
      all.map(({ values }) => values as Int32Array),
      sizes,
    );
    return entries === undefined ? undefined : { kind: 'integers', step, entries };
  }
  if (!(step.values instanceof Float32Array) || step.values.length !== 1) return undefined;
  const values = all.map((each) => (each.values as Float32Array)[0] as number);
  const value = affine(values, sizes);
  if (value !== undefined) return { kind: 'scalar', step, value, reciprocal: false };
  const inverse = affine(
    values.map((each) => 1 / each),
    sizes,
  );
  return inverse === undefined ? undefined : { kind: 'scalar', step, value: inverse, reciprocal: true };
}

function sameElement(all: readonly ConstantStep[]): number | undefined {
  const value = elements(all[0]!)[0];
  return typeof value === 'number' && all.every((each) => elements(each).every((element) => Object.is(element, value))) ? value : undefined;
}

function sameRows(all: readonly ConstantStep[], shape: readonly Affine[]): GeneralStep | undefined {
  const [step] = all as [ConstantStep];
  const width = step.shape.slice(1).reduce((product, size) => product * size, 1);
  if (shape.length < 2 || shape.slice(1).some(({ slope }) => slope !== 0) || step.values.length < width) return undefined;
  const row: ConstantStep = { ...step, shape: [1, ...step.shape.slice(1)], values: step.values.slice(0, width) };
  const wanted = elements(row);
  if (!wanted.every((element) => typeof element === 'number')) return undefined;
  const repeats = all.every((each) => elements(each).every((element, i) => Object.is(element, wanted[i % width])));
  return repeats ? { kind: 'rows', step, shape, row } : undefined;
}

function sameProgression(all: readonly ConstantStep[], shape: readonly Affine[]): GeneralStep | undefined {
  const [step] = all as [ConstantStep];
  const [start, second] = elements(step);
  if (shape.length !== 1 || typeof start !== 'number' || typeof second !== 'number') return undefined;
  const stride = second - start;
  const fits = all.every((each) =>
    elements(each).every((element, i) => Math.abs((element as number) - (start + i * stride)) <= 1e-6 * Math.max(1, Math.abs(element as number))),
  );
  return fits ? { kind: 'range', step, length: shape[0]!, start, stride } : undefined;
}

function elements({ values }: ConstantStep): readonly (number | bigint | Uint8Array)[] {
  return Array.isArray(values) ? (values as readonly Uint8Array[]) : Array.from(values as ArrayLike<number | bigint>);
}
