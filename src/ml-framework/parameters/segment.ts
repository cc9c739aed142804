import type { VariableSpec } from '../../tensorflow/model/trainable.js';

/**
 * A run of elements of one variable: the unit of placement, versions, snapshots and transfer.
 *
 * ```
 * variable  kernel [300, 64]   |<------ 65536 ------>|<-- rest -->|
 * segments                      kernel@0              kernel@65536
 * ```
 */
export interface SegmentSpec {
  readonly variable: string;
  /** Shape of the whole variable. */
  readonly shape: readonly number[];
  readonly trainable: boolean;
  /** First element. */
  readonly offset: number;
  /** Elements, float32. */
  readonly length: number;
}

/** 256 KiB of float32: small enough to spread and to send in one message, large enough to cost nothing each. */
export const maxSegmentLength = 65_536;

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** Variables in order, cut into runs of at most `maxLength` elements. */
export function cutIntoSegments(variables: readonly VariableSpec[], maxLength = maxSegmentLength): SegmentSpec[] {
  return variables.flatMap(({ name, shape, trainable }) => {
    const total = elementCount(shape);
    return Array.from({ length: Math.ceil(total / maxLength) }, (_, run) => {
      const offset = run * maxLength;
      return { variable: name, shape, trainable, offset, length: Math.min(maxLength, total - offset) };
    });
  });
}

/** The segments of each shard: the largest first, each to the shard that has least. O(n log n + n * shards). */
export function spreadSegments(segments: readonly SegmentSpec[], shards: number): SegmentSpec[][] {
  const spread = Array.from({ length: shards }, () => ({ elements: 0, segments: [] as SegmentSpec[] }));
  for (const segment of [...segments].sort((a, b) => b.length - a.length)) {
    const least = spread.reduce((best, shard) => (shard.elements < best.elements ? shard : best));
    least.segments.push(segment);
    least.elements += segment.length;
  }
  return spread.map((shard) => shard.segments);
}
