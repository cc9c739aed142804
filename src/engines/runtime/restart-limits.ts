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
  const isGrowing = strategy.strategy === 'exponentialBackoff';
  const delayMs = delayOf(strategy, 1);
  return {
    failures: limitOf(strategy),
    quietMs: quietAfter(strategy),
    slides: strategy.strategy === 'failureRate',
    delayMs,
    factor: isGrowing ? strategy.factor : 1,
    maxDelayMs: isGrowing ? strategy.maxDelay : delayMs,
  };
}

export function quietAfter(strategy: ResolvedRestartStrategy): number {
  switch (strategy.strategy) {
    case 'none':
      return 0;
    case 'exponentialBackoff':
      return strategy.resetAfter;
    case 'fixedDelay':
      return Math.max(quietMs, 2 * strategy.delay);
    case 'failureRate':
      return strategy.per;
  }
}

export function limitOf(strategy: ResolvedRestartStrategy): number {
  switch (strategy.strategy) {
    case 'none':
      return 0;
    case 'failureRate':
      return strategy.failures;
    case 'fixedDelay':
    case 'exponentialBackoff':
      return strategy.attempts;
  }
}

/** @param failures of the streak, the one that it is about included */
export function delayOf(strategy: ResolvedRestartStrategy, failures: number): number {
  switch (strategy.strategy) {
    case 'none':
      return 0;
    case 'exponentialBackoff':
      return Math.min(strategy.initialDelay * strategy.factor ** (failures - 1), strategy.maxDelay);
    case 'fixedDelay':
    case 'failureRate':
      return strategy.delay;
  }
}
