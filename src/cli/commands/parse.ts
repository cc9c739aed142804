import { InvalidArgumentError } from 'commander';
import { parseDurationMs } from '../../core/index.js';

export function parsePositiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('wants a whole number of at least 1.');
  return value;
}

/** Milliseconds of a duration such as '250 ms', '10 s'; a bare number is milliseconds. */
export function parseDuration(text: string): number {
  try {
    return parseDurationMs(/^\d+$/.test(text) ? Number(text) : text, 'duration');
  } catch {
    throw new InvalidArgumentError("wants a duration, such as '500 ms' or '10 s'.");
  }
}

export function parsePort(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('wants a port, 0 to 65535 (0: any free one).');
  return value;
}

/** Collects repeated `key=value` into one object. */
export function collectPairs(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('wants key=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Collects a flag that is repeated. */
export function collectList(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

/** Collects repeated `name=n`. */
export function collectCounts(text: string, before: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const [[name, count]] = Object.entries(collectPairs(text, {})) as [[string, string]];
  return { ...before, [name]: parsePositiveInteger(count) };
}
