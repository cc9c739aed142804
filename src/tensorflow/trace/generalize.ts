import { MillraceError } from '../../core/errors.js';
import { affine, affineVector, type Affine } from './affine.js';
import { fitDraws, standardDraws } from './random-draws.js';
import type { Distribution } from './random-watch.js';
import { scopeText, type ConstantStep, type OperationStep, type Recording, type Step } from './recording.js';
import { atSourceLine } from './source-line.js';
import type { RawAttribute, RawValues } from './tfjs-internals.js';

/** A step for every batch size. */
export type GeneralStep =
  /** `shapes` of its outputs; -1 where a dimension follows the batch. */
  | { readonly kind: 'operation'; readonly step: OperationStep; readonly shapes: readonly (readonly number[])[] }
  | { readonly kind: 'constant'; readonly step: ConstantStep }
  /** An int32 vector or scalar such as a shape. */
  | { readonly kind: 'integers'; readonly step: ConstantStep; readonly entries: readonly Affine[] }
  /** A float32 of one element, or the reciprocal of one, such as a mean's divisor. */
  | { readonly kind: 'scalar'; readonly step: ConstantStep; readonly value: Affine; readonly reciprocal: boolean }
  /** A tensor of one repeated value whose shape follows the batch. */
  | { readonly kind: 'fill'; readonly step: ConstantStep; readonly shape: readonly Affine[]; readonly value: number }
  /** offset + scale * (draws from a distribution), anew in each call. */
  | {
      readonly kind: 'random';
      readonly step: ConstantStep;
      readonly shape: readonly Affine[];
      readonly distribution: Distribution;
      readonly offset: number;
      readonly scale: number;
      /** The seed that the caller gave. */
      readonly seed: string | undefined;
    };

/**
 * One program for all batch sizes, from runs at three of them; the third verifies what the first two suggest (any two
 * points lie on a line).
 *
 * @param recordings at three sizes, or one where nothing has a batch dimension
 * @param twin a second run at the first size: what differs from the first is random or has a state
 * @throws UNSUPPORTED naming scope and line of what is impure, or depends on the batch size in another way
 */
export function generalize(recordings: readonly Recording[], twin: Recording): readonly GeneralStep[] {
  const [first, ...others] = recordings as [Recording, ...Recording[]];
  for (const other of [...others, twin]) checkSameProgram(first, other);
  const sizes = recordings.map(({ batch }) => batch);
  return first.steps.map((step, at) => {
    const all = recordings.map(({ steps }) => steps[at] as Step);
    const again = twin.steps[at] as Step;
    if (step.kind === 'operation') return generalOperation(step, [...all, again] as OperationStep[]);
    if (step.random !== undefined) return generalRandom(step, all as ConstantStep[], again as ConstantStep, sizes);
    if (!sameConstant(step, again as ConstantStep))
      throw unsupported(
        step,
        `a value made in JavaScript${atSourceLine(step.madeAt)} differs from run to run; make it an input, or draw it by tf.randomUniform or tf.randomNormal`,
      );
    return generalConstant(step, all as ConstantStep[], sizes);
  });
}

function checkSameProgram(a: Recording, b: Recording): void {
  const length = Math.max(a.steps.length, b.steps.length);
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.steps[at], b.steps[at]];
    if (x !== undefined && y !== undefined && nameOf(x) === nameOf(y)) continue;
    const [does, other] = [x, y].map((step) => (step === undefined ? 'nothing more' : nameOf(step)));
    throw unsupported(
      (x ?? y) as Step,
      a.batch === b.batch ? `does ${does} in one call but ${other} in the next` : `does ${does} for ${a.batch} rows but ${other} for ${b.batch}`,
    );
  }
}

function nameOf(step: Step): string {
  return step.kind === 'operation' ? step.op : 'a constant';
}

function generalOperation(step: OperationStep, all: readonly OperationStep[]): GeneralStep {
  const wanted = comparable(step.attributes);
  for (const other of all)
    if (comparable(other.attributes) !== wanted) throw unsupported(step, 'has attributes that depend on the batch size, or differ from run to run');
  const shapes = step.outputs.map(({ shape }, output) =>
    shape.map((size, axis) => (all.every(({ outputs }) => outputs[output]?.shape[axis] === size) ? size : -1)),
  );
  return { kind: 'operation', step, shapes };
}

/** Without the seeds of tf.multinomial, which tfjs draws for each call. */
function comparable(attributes: readonly RawAttribute[]): string {
  return JSON.stringify(attributes.filter(({ name }) => name !== 'seed' && name !== 'seed2'));
}

function generalRandom(step: ConstantStep, all: readonly ConstantStep[], again: ConstantStep, sizes: readonly number[]): GeneralStep {
  const { distribution, isSeeded, seed } = step.random!;
  if (!(step.values instanceof Float32Array)) throw unsupported(step, 'random numbers other than float32 are not traced; draw float32 and cast');
  const shape = affineVector(
    all.map((each) => each.shape),
    sizes,
  );
  if (shape === undefined) throw unsupported(step, 'the shape of random numbers follows the batch size in a way that is not understood');
  const draws: number[] = [];
  const values: number[] = [];
  for (const each of [...all, again]) {
    draws.push(...standardDraws(distribution, each.random!.seed, each.values.length));
    values.push(...(each.values as Float32Array));
  }
  const fitted = fitDraws(draws, values);
  if (fitted === undefined) throw unsupported(step, `random numbers are not ${distribution} with one location and scale`);
  return { kind: 'random', step, shape, distribution, ...fitted, seed: isSeeded ? seed : undefined };
}

function generalConstant(step: ConstantStep, all: readonly ConstantStep[], sizes: readonly number[]): GeneralStep {
  if (all.every((other) => sameConstant(step, other))) return { kind: 'constant', step };
  const sameShape = all.every((other) => String(other.shape) === String(step.shape));
  return (sameShape ? followingValue(step, all, sizes) : followingShape(step, all, sizes)) ?? misunderstood(step, all);
}

function followingValue(step: ConstantStep, all: readonly ConstantStep[], sizes: readonly number[]): GeneralStep | undefined {
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

function followingShape(step: ConstantStep, all: readonly ConstantStep[], sizes: readonly number[]): GeneralStep | undefined {
  const value = repeatedValue(all.map((each) => each.values));
  const shape = affineVector(
    all.map((each) => each.shape),
    sizes,
  );
  return value === undefined || shape === undefined ? undefined : { kind: 'fill', step, shape, value };
}

function misunderstood(step: ConstantStep, all: readonly ConstantStep[]): never {
  const shapes = all.map((each) => `[${each.shape.join(', ')}]`).join(', ');
  throw unsupported(step, `a constant ${shapes} made in JavaScript${atSourceLine(step.madeAt)} follows the batch size in a way that is not understood`);
}

function repeatedValue(all: readonly RawValues[]): number | undefined {
  const value = all[0]?.[0];
  if (typeof value !== 'number') return undefined;
  return all.every((values) => !(values instanceof BigInt64Array) && Array.from(values as ArrayLike<unknown>).every((each) => each === value))
    ? value
    : undefined;
}

function sameConstant(a: ConstantStep, b: ConstantStep): boolean {
  if (a.dtype !== b.dtype || String(a.shape) !== String(b.shape) || a.values.length !== b.values.length) return false;
  const [x, y] = [a.values, b.values] as [ArrayLike<unknown>, ArrayLike<unknown>];
  for (let i = 0; i < x.length; i++) {
    const [left, right] = [x[i], y[i]];
    // The elements of strings are bytes.
    if (left instanceof Uint8Array ? Buffer.compare(left, right as Uint8Array) !== 0 : !Object.is(left, right)) return false;
  }
  return true;
}

function unsupported(step: Step, why: string): MillraceError {
  const scope = scopeText(step.scope);
  return new MillraceError('UNSUPPORTED', `tracing: ${scope}: ${nameOf(step)}: ${why}`, { details: { scope, op: nameOf(step) } });
}
