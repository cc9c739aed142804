import { z } from 'zod';
import { MillraceError } from '../core/errors.js';
import { resolveOptions } from '../core/options.js';
import type { GraphBuilder } from './graph-builder.js';

/** What every operator can be given. */
export interface OperatorOptions {
  /** As shown to people and in metrics. Default: the operator's kind. */
  readonly name?: string | undefined;
  /** Stable identity: state is restored, and parallelism overridden, by it. Default: derived from the name. */
  readonly uid?: string | undefined;
  /** Number of subtasks. Default: the job's. */
  readonly parallelism?: number | undefined;
}

/** Options of operators that call a user function for each record. */
export interface UserFunctionOptions extends OperatorOptions {
  /**
   * What happens where the function throws: 'fail' (default) ends the job with USER_FUNCTION, naming operator and record;
   * 'deadLetter' sends the record to `stream.deadLetters` and goes on.
   */
  readonly onError?: 'fail' | 'deadLetter' | undefined;
}

export const operatorFields = {
  name: z.string().min(1).optional(),
  uid: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits and . _ - only')
    .optional(),
  parallelism: z.number().int().min(1).optional(),
};

export const operatorOptions = z.strictObject(operatorFields);

export const userFunctionOptions = z.strictObject({ ...operatorFields, onError: z.enum(['fail', 'deadLetter']).default('fail') });

export type ResolvedUserFunctionOptions = Readonly<z.output<typeof userFunctionOptions>>;

/** Options checked while the graph is built: problems are recorded, to be reported with all others, and defaults step in. */
export function resolveInto<S extends z.ZodType>(builder: GraphBuilder, operator: string, schema: S, input: unknown): Readonly<z.output<S>> {
  try {
    return resolveOptions(schema, input, operator);
  } catch (thrown) {
    const error = MillraceError.from(thrown);
    const problems = Array.isArray(error.details['problems']) ? (error.details['problems'] as string[]) : [error.message];
    for (const problem of problems) builder.problem(operator, problem);
    // What is right goes on, so that later problems name the operator as the job does.
    const right = Object.entries((input ?? {}) as Record<string, unknown>).filter(([key, value]) => schema.safeParse({ [key]: value }).success);
    return resolveOptions(schema, Object.fromEntries(right), operator);
  }
}
