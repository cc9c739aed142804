import { createHash } from 'node:crypto';
import { attr } from '../../saved-model/index.js';
import type { GeneralStep } from '../generalize.js';
import type { ProgramBuilder, Value } from './program.js';

const ops = Object.freeze({ uniform: 'RandomUniform', normal: 'RandomStandardNormal', truncatedNormal: 'TruncatedNormal' });

export interface RandomPlace {
  /** int32 vector */
  readonly shape: Value;
  readonly outputShape: readonly number[];
  /** Undefined: another sequence in each session. */
  readonly seed: number | undefined;
  readonly position: number;
}

/**
 * Random numbers drawn anew in each call. With a seed, the caller's or the trace's, the sequence of calls is the same in
 * each session; TensorFlow draws, so the numbers are not those that tfjs draws from that seed.
 */
export function addRandom(
  builder: ProgramBuilder,
  general: Extract<GeneralStep, { kind: 'random' }>,
  { shape, outputShape, seed, position }: RandomPlace,
): Value {
  const { distribution, offset, scale } = general;
  const { scope } = general.step;
  const [first, second] = seedsOf(general.seed, seed, position);
  const spec = { dtype: 'float32', shape: outputShape } as const;
  const drawn = builder.value({
    op: ops[distribution],
    inputs: [shape],
    attrs: { T: attr.type('int32'), dtype: attr.type('float32'), seed: attr.int(first), seed2: attr.int(second) },
    scope,
    outputs: [spec],
  });
  const scaled = scale === 1 ? drawn : builder.binary('Mul', drawn, builder.float32(scale), scope, spec);
  return offset === 0 ? scaled : builder.binary('AddV2', scaled, builder.float32(offset), scope, spec);
}

/** Zeros make TensorFlow choose. The caller's own seed stands alone, so that two operations of one seed agree as in tfjs. */
function seedsOf(own: string | undefined, seed: number | undefined, position: number): [number, number] {
  if (own !== undefined) return [1 + createHash('sha256').update(own).digest().readUInt32LE(), 1];
  return seed === undefined ? [0, 0] : [1 + seed, 1 + position];
}
