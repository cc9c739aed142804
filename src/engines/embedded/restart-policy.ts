import { MillraceError } from '../../core/index.js';
import type { RestartScope, RestartSettings } from '../../stream/restart-options.js';
import { isLasting } from '../runtime/lasting-failures.js';
import { delayOf, restartLimits, scopeOf, strategyOf, type RestartLimits } from '../runtime/restart-limits.js';

export type RestartDecision = { readonly restart: true; readonly delayMs: number } | { readonly restart: false; readonly error: MillraceError };

interface Streak {
  readonly first: MillraceError;
  readonly timesMs: number[];
  /** When the last restart that was decided begins. */
  restartAtMs: number;
}

/**
 * Decides whether a failed job tries again, and when. Failures are counted by role, each by its own strategy. Where the
 * limit is reached, the job fails with the first cause of the streak: what failed later may only be its echo.
 */
export class RestartPolicy {
  readonly #settings: RestartSettings;
  readonly #streaks = new Map<string, Streak>();
  #restarts = 0;

  constructor(settings: RestartSettings) {
    this.#settings = settings;
  }

  /** False where no failure leads to a restart. */
  get restarts(): boolean {
    return [this.#settings.otherwise, ...Object.values(this.#settings.roles)].some(({ strategy }) => strategy !== 'none');
  }

  /** Restarts so far, of the job and of nodes alone. */
  get count(): number {
    return this.#restarts;
  }

  /** How much starts again when a node of this role fails. */
  scopeOf(role: string): RestartScope {
    return scopeOf(this.#settings, role);
  }

  decide(cause: MillraceError, role: string | undefined, nowMs: number): RestartDecision {
    const key = this.#keyOf(role);
    const strategy = strategyOf(this.#settings, key);
    if (isLasting(cause.code) || strategy.strategy === 'none') return { restart: false, error: cause };
    const limits = restartLimits(strategy);
    const streak = this.#streak(key, limits, cause, nowMs);
    const failures = streak.timesMs.length + 1;
    if (failures > limits.failures) return { restart: false, error: exhausted(streak, cause, key, limits) };
    streak.timesMs.push(nowMs);
    this.#restarts++;
    const delayMs = delayOf(limits, failures);
    streak.restartAtMs = nowMs + delayMs;
    return { restart: true, delayMs };
  }

  /**
   * The restart that was decided already and has not begun: what fails elsewhere in the job meanwhile is taken for an effect of
   * the same cause, and counts with it. undefined: there is none.
   */
  joined(cause: MillraceError, role: string | undefined, nowMs: number): RestartDecision | undefined {
    const restartAtMs = this.#streaks.get(this.#keyOf(role))?.restartAtMs ?? -Infinity;
    return isLasting(cause.code) || restartAtMs <= nowMs ? undefined : { restart: true, delayMs: restartAtMs - nowMs };
  }

  /** Of the strategy that counts for a node of this role; '' where it is that of the job. */
  #keyOf(role: string | undefined): string {
    return role !== undefined && Object.hasOwn(this.#settings.roles, role) ? role : '';
  }

  /** Failures that belong together. */
  #streak(key: string, { quietMs, slides }: RestartLimits, cause: MillraceError, nowMs: number): Streak {
    const before = this.#streaks.get(key);
    const last = before?.timesMs.at(-1);
    const isOver = last === undefined || nowMs - last > quietMs;
    if (before !== undefined && !isOver) {
      if (slides) while (nowMs - (before.timesMs[0] ?? nowMs) > quietMs) before.timesMs.shift();
      return before;
    }
    const streak = { first: cause, timesMs: [], restartAtMs: -Infinity };
    this.#streaks.set(key, streak);
    return streak;
  }
}

function exhausted({ first, timesMs }: Streak, last: MillraceError, role: string, { failures, quietMs, slides }: RestartLimits): MillraceError {
  const restarts = timesMs.length;
  const limit = slides ? `${failures} failures within ${quietMs} ms` : `${failures} restarts`;
  const of = role === '' ? '' : ` of role ${role}`;
  const then = first === last || first.message === last.message ? '' : `; the last failure was: ${last.message}`;
  const error = new MillraceError(first.code, `${first.message} (restarted ${restarts} times, the limit${of} is ${limit}${then})`, {
    details: { ...first.details, restarts },
    cause: first.cause,
  });
  if (first.stack !== undefined) error.stack = first.stack.replace(first.message, error.message);
  return error;
}
