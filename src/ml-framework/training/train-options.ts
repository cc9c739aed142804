import { z } from 'zod';
import { durationMs } from '../../core/duration-option.js';
import type { Duration } from '../../core/index.js';
import { isolationOption, type IsolationOption } from '../cluster/cluster-config.js';

/** @typeParam T columns of R that hold a time */
export interface TrainOptions<R, T extends string = string> {
  /** Nodes that compute gradients. */
  readonly workers: number;
  /** Nodes that hold the parameters. Default 1; 0 with one worker keeps them in the worker. */
  readonly parameterServers?: number;
  /** Rows of each step of each worker; the last step of a bounded stream may be smaller. */
  readonly batchSize: number;
  /** 'bsp' (default): an update is the mean over one push of each active worker; 'asp': each push is an update. */
  readonly mode?: 'bsp' | 'asp';
  /** An update follows the 'mean' (default) of the gradients of its examples, or their 'sum'. */
  readonly gradients?: 'mean' | 'sum';
  /**
   * When a record's label becomes known: a column, or a function giving a Date or milliseconds since the epoch. A record is then predicted at its event
   * time and learned when the watermark passes that time, in event-time order: no prediction sees a label from its future.
   */
  readonly labelKnownAt?: T | ((row: R) => number | Date);
  /** With labelKnownAt, a prediction waits at most this long for its step to fill, in processing time. Default 1 s. */
  readonly maxPredictionDelay?: Duration;
  /** A record that the model cannot read: 'deadLetter' (default) sends it to `training.deadLetters`, 'fail' ends the job with RECORD_MALFORMED. */
  readonly onBadRecord?: 'deadLetter' | 'fail';
  /**
   * 'traced' (default): a step is one asynchronous call of a native graph, or eager tfjs, with a warning, for a model that
   * cannot be traced. 'eager': tfjs, which blocks the worker's thread during a step.
   */
  readonly execution?: 'traced' | 'eager';
  /** Seed of the initial weights. Default 1. */
  readonly seed?: number;
  /** A new version of the model every so many updates. Default 100. */
  readonly publishEverySteps?: number;
  /** And at least this often, where there were updates; 0 (default): by updates only. */
  readonly publishEvery?: Duration;
  /** Directory that gets each published version, the newest replacing the one before: model.json and weights.bin. Default: none. */
  readonly outputDir?: string;
  /** Steps of a worker behind one record of the metrics stream. Default 10. */
  readonly metricsEverySteps?: number;
  /** Name of the cluster and its operators. Default: the model's. */
  readonly name?: string;
  /** See ClusterOptions. */
  readonly heartbeatInterval?: Duration;
  readonly heartbeatTimeout?: Duration;
  readonly registrationDeadline?: Duration;
  readonly entryDeadline?: Duration;
  readonly isolation?: IsolationOption;
}

export const trainOptions = z
  .strictObject({
    workers: z.int().min(1).max(1024),
    parameterServers: z.int().min(0).max(256).default(1),
    batchSize: z.int().min(1).max(65_536),
    mode: z.enum(['bsp', 'asp']).default('bsp'),
    gradients: z.enum(['mean', 'sum']).default('mean'),
    labelKnownAt: z
      .union([z.string(), z.custom<(row: never) => number | Date>((value) => typeof value === 'function')], 'must be a column name or a function')
      .optional(),
    onBadRecord: z.enum(['deadLetter', 'fail']).default('deadLetter'),
    maxPredictionDelay: durationMs.default(1_000),
    execution: z.enum(['traced', 'eager']).default('traced'),
    seed: z.int().min(0).default(1),
    publishEverySteps: z.int().min(1).default(100),
    publishEvery: durationMs.default(0),
    outputDir: z.string().min(1).optional(),
    metricsEverySteps: z.int().min(1).default(10),
    name: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'letters, digits, - and _, starting with a letter')
      .optional(),
    heartbeatInterval: durationMs.optional(),
    heartbeatTimeout: durationMs.optional(),
    registrationDeadline: durationMs.optional(),
    entryDeadline: durationMs.optional(),
    isolation: isolationOption.optional(),
  })
  .refine(({ workers, parameterServers }) => parameterServers > 0 || workers === 1, {
    path: ['parameterServers'],
    message: 'several workers need at least one parameter server; give parameterServers: 1, or workers: 1',
  });

export type ResolvedTrainOptions = z.output<typeof trainOptions>;
