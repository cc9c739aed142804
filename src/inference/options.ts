import { z } from 'zod';
import { durationMs } from '../core/duration-option.js';
import { operatorFields, type OperatorOptions } from '../stream/operator-options.js';

export interface ScoreOptions extends OperatorOptions {
  readonly batch?: {
    /** Rows per call of the model. Default 256. */
    readonly maxSize?: number;
    /** How long a row may wait for others, ms or text. Default 5. */
    readonly maxDelayMs?: number | string;
  };
  /** True: rows leave in the order in which they came. False: batches leave as they are ready, but never cross a watermark. Default true. */
  readonly ordered?: boolean;
  /**
   * For a model that trains in the same job: 'traced' (default) runs it as a native graph, 'eager' on tfjs, which blocks the
   * thread during a call. SavedModels always run natively.
   */
  readonly execution?: 'traced' | 'eager';
  /** Calls of the model at once. Default 4. */
  readonly maxInFlight?: number;
  /** Outputs to add. Default: all. */
  readonly outputs?: readonly string[];
  /** Adds int64 column 'modelVersion': the version that scored the row. Default false. */
  readonly modelVersion?: boolean;
  /** A row that the model cannot read (a null, a category out of range) goes to `deadLetters`, or fails the job. Default 'deadLetter'. */
  readonly onBadRecord?: 'deadLetter' | 'fail';
}

export const scoreOptions = z.strictObject({
  ...operatorFields,
  batch: z.strictObject({ maxSize: z.number().int().min(1).max(1_000_000).default(256), maxDelayMs: durationMs.default(5) }).prefault({}),
  ordered: z.boolean().default(true),
  execution: z.enum(['traced', 'eager']).default('traced'),
  maxInFlight: z.number().int().min(1).max(64).default(4),
  outputs: z.array(z.string()).min(1).optional(),
  modelVersion: z.boolean().default(false),
  onBadRecord: z.enum(['deadLetter', 'fail']).default('deadLetter'),
});

export type ResolvedScoreOptions = Readonly<z.output<typeof scoreOptions>>;
