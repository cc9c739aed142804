import { z } from 'zod';
import { resolveOptions } from '../../core/index.js';
import { traceOptionsSchema, type TraceOptions } from '../trace/trace-options.js';

export interface CompileOptions extends TraceOptions {
  /** Whether layers that behave differently in training do so. Default: true for steps and gradients, false for predictions. */
  readonly training?: boolean;
}

export interface TrainStepOptions extends CompileOptions {
  /**
   * 'fused' (default): TensorFlow's kernel for the optimizer, one operation for each variable. 'traced': tfjs's own
   * operations, for the same rounding; slower.
   */
  readonly optimizer?: 'fused' | 'traced';
  /**
   * Gradients of embedding rows: 'exact' (default) updates rows alone where that is the same algorithm (SGD, Adagrad),
   * 'lazy' does so for the others too, whose moments then stay as they are for rows that a batch lacks, 'off' never.
   */
  readonly sparse?: 'exact' | 'lazy' | 'off';
  /** Whether a step also gives the model's outputs, as they were before it learned. Default false. */
  readonly outputs?: boolean;
}

export const compileOptionsSchema = traceOptionsSchema.extend({ training: z.boolean().optional() });

export const trainStepOptionsSchema = compileOptionsSchema.extend({
  optimizer: z.enum(['fused', 'traced']).default('fused'),
  sparse: z.enum(['exact', 'lazy', 'off']).default('exact'),
  outputs: z.boolean().default(false),
});

export function resolveCompileOptions(options: CompileOptions | undefined, where: string) {
  return resolveOptions(compileOptionsSchema, options, where);
}

export function resolveTrainStepOptions(options: TrainStepOptions | undefined, where: string) {
  return resolveOptions(trainStepOptionsSchema, options, where);
}

export type ResolvedTrainStepOptions = ReturnType<typeof resolveTrainStepOptions>;
