import { MillraceError } from '../../core/errors.js';
import type { ConstantStep, OperationStep, Recording, Step } from './recording.js';
import type { RawValues } from './tfjs-internals.js';

/** value = slope * batch + offset */
export interface Affine {
  readonly slope: number;
  readonly offset: number;
}

/** A step for every batch size. */
export type GeneralStep =
  | { readonly kind: 'operation'; readonly step: OperationStep }
  | { readonly kind: 'constant'; readonly step: ConstantStep }
  /** An int32 vector or scalar such as a shape. */
  | { readonly kind: 'integers'; readonly step: ConstantStep; readonly entries: readonly Affine[] }
  /** A float32 of one element, or the reciprocal of one, such as a mean's divisor. */
  | { readonly kind: 'scalar'; readonly step: ConstantStep; readonly value: Affine; readonly reciprocal: boolean }
  /** A tensor of one repeated value whose shape follows the batch. */
  | { readonly kind: 'fill'; readonly step: ConstantStep; readonly shape: readonly Affine[]; readonly value: number };

/**
 * One program for all batch sizes, from runs at three of them; the third verifies what the first two suggest (any two
 * points lie on a line).
 *
 * @param twin a second run at the first size: what differs from the first is random or has a state
 * @throws UNSUPPORTED naming scope and operation of what depends on the batch size in another way
 */
export function generalize(recordings: readonly [Recording, Recording, Recording], twin: Recording): readonly GeneralStep[] {
  const [first, ...others] = recordings;
  for (const other of [...others, twin]) checkSameProgram(first, other);
  const sizes = recordings.map(({ batch }) => batch);
  return first.steps.map((step, at) => {
    const all = recordings.map(({ steps }) => steps[at] as Step);
    if (step.kind === 'operation') return generalOperation(step, all as OperationStep[]);
    if (!sameConstant(step, twin.steps[at] as ConstantStep))
      throw unsupported(step, 'a value made in JavaScript differs from run to run (random numbers, or a state)');
    return generalConstant(step, all as ConstantStep[], sizes);
  });
}

function checkSameProgram(a: Recording, b: Recording): void {
  const length = Math.max(a.steps.length, b.steps.length);
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.steps[at], b.steps[at]];
    if (x === undefined || y === undefined || nameOf(x) !== nameOf(y)) {
      const where = (x ?? y) as Step;
      throw unsupported(
        where,
        `does ${x === undefined ? 'nothing more' : nameOf(x)} for ${a.batch} rows but ${y === undefined ? 'nothing more' : nameOf(y)} for ${b.batch}`,
      );
    }
  }
}

function nameOf(step: Step): string {
  return step.kind === 'operation' ? step.op : 'a constant';
}

function generalOperation(step: OperationStep, all: readonly OperationStep[]): GeneralStep {
  const attributes = JSON.stringify(step.attributes);
  for (const other of all) if (JSON.stringify(other.attributes) !== attributes) throw unsupported(step, 'has attributes that depend on the batch size');
  return { kind: 'operation', step };
}

function generalConstant(step: ConstantStep, all: readonly ConstantStep[], sizes: readonly number[]): GeneralStep {
  if (all.every((other) => sameConstant(step, other))) return { kind: 'constant', step };
  const sameShape = all.every((other) => String(other.shape) === String(step.shape));
  if (sameShape && step.values instanceof Int32Array && step.shape.length <= 1) {
    const entries = affineVector(
      all.map(({ values }) => values as Int32Array),
      sizes,
    );
    if (entries !== undefined) return { kind: 'integers', step, entries };
  }
  if (sameShape && step.values instanceof Float32Array && step.values.length === 1) {
    const values = all.map((each) => (each.values as Float32Array)[0] as number);
    const value = affine(values, sizes);
    if (value !== undefined) return { kind: 'scalar', step, value, reciprocal: false };
    const inverse = affine(
      values.map((each) => 1 / each),
      sizes,
    );
    if (inverse !== undefined) return { kind: 'scalar', step, value: inverse, reciprocal: true };
  }
  const value = repeatedValue(all.map((each) => each.values));
  const shape = sameShape
    ? undefined
    : affineVector(
        all.map((each) => each.shape),
        sizes,
      );
  if (value !== undefined && shape !== undefined) return { kind: 'fill', step, shape, value };
  throw unsupported(step, `a constant [${all.map((each) => each.shape.join(', ')).join('], [')}] follows the batch size in a way that is not understood`);
}

/** A line through the first two points that the third lies on too. */
function affine(values: readonly number[], sizes: readonly number[]): Affine | undefined {
  const [v0, v1, v2] = values as [number, number, number];
  const [b0, b1, b2] = sizes as [number, number, number];
  const slope = (v1 - v0) / (b1 - b0);
  const offset = v0 - slope * b0;
  return Math.abs(slope * b2 + offset - v2) <= 1e-6 * Math.max(1, Math.abs(v2)) ? { slope, offset } : undefined;
}

function affineVector(vectors: readonly ArrayLike<number>[], sizes: readonly number[]): readonly Affine[] | undefined {
  const length = vectors[0]?.length ?? 0;
  if (vectors.some((vector) => vector.length !== length)) return undefined;
  const entries: Affine[] = [];
  for (let i = 0; i < length; i++) {
    const entry = affine(
      vectors.map((vector) => vector[i] as number),
      sizes,
    );
    if (entry === undefined || !Number.isInteger(entry.slope)) return undefined;
    entries.push(entry);
  }
  return entries;
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
  return Array.from(a.values as ArrayLike<unknown>).every((value, i) => Object.is(value, (b.values as ArrayLike<unknown>)[i]));
}

function unsupported(step: Step, why: string): MillraceError {
  return new MillraceError('UNSUPPORTED', `tracing: ${step.scope}: ${nameOf(step)}: ${why}`, { details: { scope: step.scope, op: nameOf(step) } });
}
