import { z } from 'zod';
import { resolveOptions, type Logger, type MetricGroup } from '../../core/index.js';
import type { Tfjs } from '../model/tfjs-types.js';
import { threadOptionsSchema, type SessionThreads } from '../native/session-options.js';

export interface TraceOptions {
  /** For messages and metrics. Default: the function's name, or 'function'. */
  readonly name?: string;
  /**
   * Which inputs have the batch as their first dimension, of any size: 'leading' (default) all that have a dimension,
   * 'none', or names of inputs (paths joined by '/'; '0', '1'... for positional ones).
   */
  readonly batch?: 'leading' | 'none' | readonly string[];
  /** Seed of random operations whose caller gives none; default: another sequence in each session. Integer, 0 to 2^31 - 1. */
  readonly seed?: number;
  /** Most traces at once, one for each set of input shapes besides the batch; what comes beyond runs on eager tfjs. Default 8. */
  readonly maxTraces?: number;
  /** Sizes of TensorFlow's thread pools, for a session that this trace opens. */
  readonly threads?: SessionThreads;
  /** Gets trace_builds_total, trace_cached, trace_calls_total, trace_eager_calls_total. */
  readonly metrics?: MetricGroup;
  /** Where warnings go. Default: process.emitWarning. */
  readonly log?: Pick<Logger, 'warn'>;
  /** The loaded module @tensorflow/tfjs-node. Default: loaded here. */
  readonly tf?: Tfjs;
}

export const traceOptionsSchema = z.strictObject({
  name: z.string().min(1).optional(),
  batch: z.union([z.enum(['leading', 'none']), z.array(z.string())]).default('leading'),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .optional(),
  maxTraces: z.number().int().min(1).max(1024).default(8),
  threads: threadOptionsSchema.default({}),
  metrics: z.custom<MetricGroup>((value) => typeof value === 'object' && value !== null).optional(),
  log: z.custom<Pick<Logger, 'warn'>>((value) => typeof value === 'object' && value !== null).optional(),
  tf: z.custom<Tfjs>((value) => typeof value === 'object' && value !== null).optional(),
});

export type ResolvedTraceOptions = Readonly<z.output<typeof traceOptionsSchema>>;

export function resolveTraceOptions(options: TraceOptions | undefined, where: string): ResolvedTraceOptions {
  return resolveOptions(traceOptionsSchema, options, where);
}
