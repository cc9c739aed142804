import type { ResolvedRestartStrategy, ResolvedRoleRestart, RestartScope, RestartSettings } from '../../stream/restart-options.js';

/** Without a failure for this long, an earlier one is not the cause of the next. */
const quietMs = 60_000;

/** A strategy in numbers, for who cannot know it by its name. */
export interface RestartLimits {
  /** Restarts at most: of one streak, or within `quietMs` where that slides. */
  readonly failures: number;
  /** Without a failure for this long, a streak is over. */
  readonly quietMs: number;
  /** Restarts that are longer ago than `quietMs` count no more, also within a streak. */
  readonly slides: boolean;
  /** Before the first restart of a streak; before each further one `factor` times as long, up to `maxDelayMs`. */
  readonly delayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
}

/** The strategy that counts for failures of a role's nodes. */
export function strategyOf({ roles, otherwise }: RestartSettings, role: string): ResolvedRoleRestart {
  return Object.hasOwn(roles, role) ? (roles[role] as ResolvedRoleRestart) : otherwise;
}

/** How much starts again when a node of this role fails. */
export function scopeOf(settings: RestartSettings, role: string): RestartScope {
  const strategy = strategyOf(settings, role);
  return strategy.strategy === 'none' ? 'region' : (strategy.scope ?? 'exact');
}

export function restartLimits(strategy: ResolvedRestartStrategy): RestartLimits {
  switch (strategy.strategy) {
    case 'none':
      return { failures: 0, quietMs: 0, slides: false, ...always(0) };
    case 'fixedDelay':
      return { failures: strategy.attempts, quietMs: Math.max(quietMs, 2 * strategy.delay), slides: false, ...always(strategy.delay) };
    case 'failureRate':
      return { failures: strategy.failures, quietMs: strategy.per, slides: true, ...always(strategy.delay) };
    case 'exponentialBackoff': {
      const { attempts, resetAfter, initialDelay, factor, maxDelay } = strategy;
      return { failures: attempts, quietMs: resetAfter, slides: false, delayMs: Math.min(initialDelay, maxDelay), factor, maxDelayMs: maxDelay };
    }
  }
}

function always(delayMs: number): Pick<RestartLimits, 'delayMs' | 'factor' | 'maxDelayMs'> {
  return { delayMs, factor: 1, maxDelayMs: delayMs };
}

/** @param failures of the streak, the one that it is about included */
export function delayOf({ delayMs, factor, maxDelayMs }: RestartLimits, failures: number): number {
  return Math.min(delayMs * factor ** (failures - 1), maxDelayMs);
}
