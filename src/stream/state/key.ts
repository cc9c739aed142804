import { MillraceError } from '../../core/errors.js';

/**
 * What rows can be grouped by. null is a key like any other (rows of a nullable column without a value); several
 * columns make a tuple.
 */
export type Key = KeyPart | readonly KeyPart[];

export type KeyPart = string | number | bigint | boolean | null;

/** The key type of several columns: a tuple, or for one column its own. */
export type KeyOfColumns<R, C extends readonly (keyof R)[]> = { [I in keyof C]: R[C[I]] };

/**
 * How user functions see a key, where that differs from how it is filed: a timestamp column's as Date, and the key of
 * `keyBy(['a'])` as an array of one.
 */
export type KeyView = (key: Key) => unknown;

/** @param isDate for each column, whether it holds timestamps; undefined where the key is as it is filed */
export function keyView(isDate: readonly boolean[], isArray: boolean): KeyView | undefined {
  const show = (part: KeyPart, i: number): unknown => (isDate[i] === true && typeof part === 'number' ? new Date(part) : part);
  if (isDate.length === 1 && isArray) return (key) => [show(key as KeyPart, 0)];
  if (!isDate.includes(true)) return undefined;
  return (key) => (isTuple(key) ? key.map(show) : show(key, 0));
}

/** A value of a row as a key. @throws USER_FUNCTION for what cannot be one */
export function toKey(value: unknown): Key {
  return Array.isArray(value) ? value.map(toKeyPart) : toKeyPart(value);
}

export function toKeyPart(value: unknown): KeyPart {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
    case 'object':
      if (value === null) return null;
      if (value instanceof Date) return value.getTime();
      break;
    default:
  }
  const shown = value === undefined ? 'undefined' : value instanceof Object ? value.constructor.name : typeof value;
  throw new MillraceError('USER_FUNCTION', `keyBy: ${shown} cannot be a key; return a string, number, bigint, boolean, Date, null, or an array of these`);
}

/**
 * What a Map can hold in place of the key: itself, or for a tuple one string that no other tuple has.
 *
 * Equality is Map's: NaN equals NaN, 0 equals -0, 1 differs from 1n and '1'.
 */
export function mapKey(key: Key): KeyPart {
  if (!isTuple(key)) return key;
  let text = '\u0000';
  for (const part of key) {
    // -0 and 0 print alike; so do no two other parts of one type.
    const shown = String(part);
    text += `${typeof part === 'object' ? 'null' : typeof part} ${shown.length} ${shown}`;
  }
  return text;
}

export function isTuple(key: Key): key is readonly KeyPart[] {
  return typeof key === 'object' && key !== null;
}
