import type { Weights } from '../parameters/parameter-client.js';

/** Elements `offset`.. of a float32 variable. */
export interface TensorRun {
  readonly name: string;
  /** Shape of the whole variable. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly data: Float32Array;
}

/** What one publisher knows of a version of the model: all of it (`parts` 1), or the segments of one shard. */
export interface ModelPart {
  readonly parts: number;
  readonly part: number;
  /** Updates applied when it was taken. */
  readonly step: number;
  readonly final: boolean;
  readonly runs: readonly TensorRun[];
}

export function wholeModel(weights: Weights, step: number, final: boolean): ModelPart {
  const runs = Object.entries(weights).map(([name, { shape, data }]) => ({ name, shape, offset: 0, data: data as Float32Array }));
  return { parts: 1, part: 0, step, final, runs };
}

/** Runs of at most `maxLength` elements: what one message carries. */
export function splitRuns(runs: readonly TensorRun[], maxLength: number): TensorRun[] {
  return runs.flatMap((run) =>
    Array.from({ length: Math.max(1, Math.ceil(run.data.length / maxLength)) }, (_, i) => ({
      ...run,
      offset: run.offset + i * maxLength,
      data: run.data.subarray(i * maxLength, (i + 1) * maxLength),
    })),
  );
}
