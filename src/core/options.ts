import type { z } from 'zod';
import { MillraceError } from './errors.js';

/**
 * Resolves user options against a strict zod schema: all problems at once, unknown keys refused, result frozen.
 *
 * @param where the operator, call or file that the options belong to; it opens the message
 * @throws OPTION_INVALID with one line per problem
 */
export function resolveOptions<S extends z.ZodType>(schema: S, input: unknown, where: string): Readonly<z.output<S>> {
  const parsed = schema.safeParse(input ?? {});
  if (parsed.success) return deepFreeze(parsed.data);
  const problems = parsed.error.issues.map((issue) => describe(issue, input));
  throw new MillraceError('OPTION_INVALID', `${where}: ${problems.join('; ')}`, { details: { where, problems } });
}

function describe(issue: z.core.$ZodIssue, input: unknown): string {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map((key) => (path === '' ? key : `${path}.${key}`)).join(', ');
    return `unknown option ${keys}`;
  }
  const value = issue.path.reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined), input);
  const shown = value === undefined ? '' : ` (got ${format(value)})`;
  return `${path === '' ? 'options' : path}: ${issue.message}${shown}`;
}

function format(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > 80 ? `${text.slice(0, 77)}...` : text;
  } catch {
    return String(value);
  }
}

function deepFreeze<T>(value: T): T {
  // Only plain objects and arrays: buffers, class instances and functions stay as their owners made them.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null && !Array.isArray(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration: milliseconds as a number, or text such as '250 ms', '3 h', '28 d'. */
export type Duration = number | string;

/** @throws OPTION_INVALID where the text is no duration or the number is negative or not finite */
export function parseDurationMs(value: Duration, where: string): number {
  const match = typeof value === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*$/.exec(value) : null;
  const ms = typeof value === 'number' ? value : match ? Number(match[1]) * (unitMs[match[2] as string] as number) : NaN;
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new MillraceError('OPTION_INVALID', `${where}: not a duration (got ${format(value)}); give milliseconds or text such as '250 ms', '3 h', '28 d'`);
}
