import { MillraceError } from '../../core/errors.js';
import { affineVector, type Affine } from './affine.js';
import { generalConstant, sameConstant } from './general-constant.js';
import { fitDraws, standardDraws } from './random-draws.js';
import type { Distribution } from './random-watch.js';
import { scopeText, type ConstantStep, type OperationStep, type Recording, type Step } from './recording.js';
import { atSourceLine } from './source-line.js';
import type { RawAttribute } from './tfjs-internals.js';

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
  /** A row, [1, ...], as often as the batch wants. */
  | { readonly kind: 'rows'; readonly step: ConstantStep; readonly shape: readonly Affine[]; readonly row: ConstantStep }
  /** start, start + stride... of a length that follows the batch, as tf.range makes them. */
  | { readonly kind: 'range'; readonly step: ConstantStep; readonly length: Affine; readonly start: number; readonly stride: number }
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
  for (const other of [twin, ...others]) checkSameProgram(first, other);
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
    const general = generalConstant(all as ConstantStep[], sizes);
    if (general !== undefined) return general;
    const shapes = all.map((each) => `[${(each as ConstantStep).shape.join(', ')}]`).join(', ');
    throw unsupported(step, `a constant ${shapes} made in JavaScript${atSourceLine(step.madeAt)} follows the batch size in a way that is not understood`);
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

function unsupported(step: Step, why: string): MillraceError {
  const scope = scopeText(step.scope);
  return new MillraceError('UNSUPPORTED', `tracing: ${scope}: ${nameOf(step)}: ${why}`, { details: { scope, op: nameOf(step) } });
}
