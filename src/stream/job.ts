import { z } from 'zod';
import { checkpointOptions, type CheckpointOptions, type ResolvedCheckpointOptions } from './checkpoint-options.js';
import {
  restartRoles,
  restartStrategy,
  type ResolvedRestartStrategy,
  type ResolvedRoleRestart,
  type RestartStrategy,
  type RoleRestart,
} from './restart-options.js';
import { isMillraceError, MillraceError } from '../core/errors.js';
import { durationMs } from '../core/duration-option.js';
import { resolveOptions, type Duration } from '../core/options.js';
import type { DataStream } from './data-stream.js';
import { StreamEnvironment, type SourceOptions } from './environment.js';
import type { SourceConnector } from './connector.js';
import type { GraphProblem, LogicalGraph } from './graph.js';
import { GraphBuilder } from './graph-builder.js';
import { resolveParams, type Params, type ParamValues } from './params.js';

/** What a job's build function works with. */
export interface BuildContext<P extends Params> {
  /** Values of the job's parameters, checked. */
  readonly params: ParamValues<P>;
  readonly env: StreamEnvironment;
  /** Short for `env.source`. */
  source<R>(connector: SourceConnector<R>, options?: SourceOptions<NoInfer<R>>): DataStream<R>;
}

export interface JobOptions<P extends Params> {
  /** Shown to people, found by `millrace status <name>`: letters, digits and . _ - */
  readonly name: string;
  /** Typed parameters; `--set key=value` sets them, `--help` prints them. Default: none. */
  readonly params?: P;
  /** Parallelism of operators that name none; `--parallelism` goes over it. Default: 1. */
  readonly parallelism?: number;
  /** Units that keyed state moves in when the parallelism changes; the most subtasks a keyed operator can have. 1..32768, default 128. */
  readonly keyGroups?: number;
  /** Checkpoints that the job takes by itself; `--checkpoint-every` and `--checkpoint-dir` go over it. Default: none. */
  readonly checkpoint?: CheckpointOptions;
  /** What happens after a failure. Default: exponential backoff where the job takes checkpoints, else none. */
  readonly restart?: RestartStrategy;
  /** Other strategies for failures of the nodes of a role: 'am', 'worker', 'ps', … Default: none. */
  readonly restartRoles?: Readonly<Record<string, RoleRestart>>;
  /**
   * How long the thread of a subtask may be busy without a break (an endless loop, a call that blocks) before it is ended by
   * force and restarts; longer than any call of a user function takes, at least 1 s. Awaiting is no such thing. Embedded engine
   * only. Default: for ever.
   */
  readonly hangTimeout?: Duration;
  /**
   * Adds sources, operators and sinks. It runs once in every thread of the job and must build the same graph each time:
   * no clocks, no random numbers. Nothing flows before it has returned.
   */
  build(context: BuildContext<P>): void;
}

const brand = Symbol.for('millrace.job');

/** A job: the default export of a job file. */
export interface JobDefinition<P extends Params = Params> {
  readonly name: string;
  readonly params: P;
  readonly parallelism: number;
  readonly keyGroups: number;
  readonly checkpoint: ResolvedCheckpointOptions | undefined;
  readonly restart: ResolvedRestartStrategy | undefined;
  readonly restartRoles: Readonly<Record<string, ResolvedRoleRestart>> | undefined;
  /** ms */
  readonly hangTimeout: number | undefined;
  readonly build: (context: BuildContext<P>) => void;
}

/** @internal */
export const jobOptions = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits and . _ - only'),
  params: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a parameter name must be an identifier'),
      z.custom<object>((field) => typeof field === 'object' && field !== null && 'dtype' in field, 'must be a type such as t.string()'),
    )
    .default({}),
  parallelism: z.number().int().min(1).default(1),
  keyGroups: z.number().int().min(1).max(32_768).default(128),
  checkpoint: checkpointOptions.optional(),
  restart: restartStrategy.optional(),
  restartRoles: restartRoles.optional(),
  hangTimeout: durationMs.refine((ms) => ms >= 1_000, 'at least 1 s').optional(),
  build: z.custom<object>((build) => typeof build === 'function', 'must be a function'),
});

/**
 * Defines a job; make it the default export of the job file.
 *
 * ```ts
 * export default defineJob({
 *   name: 'flight-delays',
 *   params: { input: t.string(), workers: param(t.int32(), { default: 2 }) },
 *   build: ({ params, source }) => {
 *     source(parquet(params.input, flight), { time: 'date' }).with({ late: bool((f) => f.delay > 15) }).to(jsonl('late.jsonl'));
 *   },
 * });
 * ```
 * @throws OPTION_INVALID
 */
export function defineJob<const P extends Params = Readonly<Record<string, never>>>(options: JobOptions<P>): JobDefinition<P> {
  const resolved = resolveOptions(jobOptions, options, `job ${String((options as { name?: unknown }).name)}`);
  const job: JobDefinition<P> = {
    name: resolved.name,
    params: (options.params ?? {}) as P,
    parallelism: resolved.parallelism,
    keyGroups: resolved.keyGroups,
    checkpoint: resolved.checkpoint,
    restart: resolved.restart,
    restartRoles: resolved.restartRoles,
    hangTimeout: resolved.hangTimeout,
    build: options.build.bind(options),
  };
  return Object.freeze(Object.defineProperty(job, brand, { value: true }));
}

/** True for what defineJob made, also by another copy of the package. */
export function isJobDefinition(value: unknown): value is JobDefinition {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true;
}

/**
 * Builds the logical graph: runs the job's build function once. Problems that it records are in the graph; planJob
 * reports them.
 *
 * @param params values as {@link resolveParams} takes them: text, JSON or resolved ones
 * @throws PARAM_INVALID
 * @throws GRAPH_INVALID where build() throws; the original is the cause. A MillraceError passes as it is
 */
export function buildGraph<P extends Params>(job: JobDefinition<P>, params: Readonly<Record<string, unknown>>): LogicalGraph {
  const values = resolveParams(job, params);
  const builder = new GraphBuilder();
  const env = new StreamEnvironment({ builder, jobName: job.name });
  try {
    // A build function made async would add operators after the graph is sealed.
    const returned: unknown = job.build({ params: values, env, source: (connector, options) => env.source(connector, options) });
    if (returned instanceof Promise) {
      returned.catch(() => undefined);
      builder.problem(undefined, 'build() is async; it must add its operators before it returns (load data outside build)');
    }
  } catch (thrown) {
    throw buildFailure(job.name, thrown, builder.problems);
  }
  return builder.build();
}

function buildFailure(job: string, thrown: unknown, problems: readonly GraphProblem[]): MillraceError {
  if (isMillraceError(thrown) && problems.length === 0) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const before = problems.map(({ operator, message }) => `\n  ${operator === undefined ? '' : `${operator}: `}${message}`).join('');
  return new MillraceError('GRAPH_INVALID', `job ${job}: build() threw: ${text}${before === '' ? '' : `\nbefore that:${before}`}`, {
    cause: thrown,
    details: { job, problems },
  });
}
