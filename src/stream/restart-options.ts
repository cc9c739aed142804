import { z } from 'zod';
import { durationMs } from '../core/duration-option.js';

/** The job fails with its first failure. */
export const noRestart = z.strictObject({ strategy: z.literal('none') });

/** So many restarts, each after the same wait. */
export const fixedDelay = z.strictObject({
  strategy: z.literal('fixedDelay'),
  attempts: z.int().min(1).default(3),
  delay: durationMs.default(1_000),
});

/** Waits grow from failure to failure; a quiet time sets them back. */
export const exponentialBackoff = z.strictObject({
  strategy: z.literal('exponentialBackoff'),
  attempts: z.int().min(1).default(10),
  initialDelay: durationMs.default(100),
  maxDelay: durationMs.default(30_000),
  factor: z.number().min(1).max(10).default(2),
  resetAfter: durationMs.default(60_000),
});

/** Any number of restarts as long as failures stay rare. */
export const failureRate = z.strictObject({
  strategy: z.literal('failureRate'),
  failures: z.int().min(1).default(5),
  per: durationMs.default(60_000),
  delay: durationMs.default(1_000),
});

export const restartStrategy = z.discriminatedUnion('strategy', [noRestart, fixedDelay, exponentialBackoff, failureRate]);

/** What the strategy of a role has beside those of a job. */
export const roleScope = z.strictObject({ scope: z.enum(['exact', 'node', 'region']).default('exact') });
export const roleRestart = z.discriminatedUnion('strategy', [
  noRestart,
  fixedDelay.extend(roleScope.shape),
  exponentialBackoff.extend(roleScope.shape),
  failureRate.extend(roleScope.shape),
]);
export const restartRoles = z.record(z.string().min(1), roleRestart);

/**
 * What happens when something of a job fails: it restarts in place from its last cut, up to a limit.
 *
 * - `none`: never;
 * - `fixedDelay`: `attempts` times, each after `delay`;
 * - `exponentialBackoff`: `attempts` times, after `initialDelay`, that times `factor`, …, at most `maxDelay`; both start
 *   again after `resetAfter` without a failure;
 * - `failureRate`: as long as there are no more than `failures` within `per`, each after `delay`.
 */
export type RestartStrategy = z.input<typeof restartStrategy>;
export type ResolvedRestartStrategy = Readonly<z.output<typeof restartStrategy>>;

/**
 * How much starts again when a node of a role fails:
 *
 * - `exact` (default): the node alone where every record still counts once, else its region (the connected part of the graph) from the last cut;
 * - `node`: the node alone, also where its unacknowledged batches may be lost or count twice;
 * - `region`: always the region.
 */
export type RestartScope = z.output<typeof roleScope>['scope'];

/** A strategy of one role. */
export type RoleRestart = z.input<typeof roleRestart>;
export type ResolvedRoleRestart = ResolvedRestartStrategy & { readonly scope?: RestartScope };

/** Strategies of a job: one for everything, others by role ('am', 'worker', 'ps', …) for failures of its nodes. */
export interface RestartSettings {
  readonly otherwise: ResolvedRestartStrategy;
  readonly roles: Readonly<Record<string, ResolvedRoleRestart>>;
}

/** A job that takes checkpoints restarts from them; without any it has nothing to restart from. */
export function restartSettings(
  strategy: ResolvedRestartStrategy | undefined,
  roles: Readonly<Record<string, ResolvedRoleRestart>> | undefined,
  takesCheckpoints: boolean,
): RestartSettings {
  const fallback = takesCheckpoints ? exponentialBackoff.parse({ strategy: 'exponentialBackoff' }) : noRestart.parse({ strategy: 'none' });
  return { otherwise: strategy ?? fallback, roles: roles ?? {} };
}
