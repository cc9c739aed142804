import type { Column, RecordBatch } from '../../memory/batch.js';
import type { KeySelector } from '../graph.js';
import { keyReader } from './key-groups.js';
import { isTuple, toKeyPart, type Key, type KeyPart } from './key.js';

/** Compares the keys of a batch's rows with known keys, as far as possible without making a key of the row. */
export interface KeyMatcher<K extends Key = Key> {
  matches(row: number, key: K): boolean;
  read(row: number): K;
}

export function keyMatcher(batch: RecordBatch, selector: KeySelector): KeyMatcher {
  if ('columns' in selector && batch.schema !== undefined) {
    const parts = selector.columns.map((name) => partMatcher(batch.column(name)));
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : tupleMatcher(parts);
  }
  const read = keyReader(batch, selector);
  return { read, matches: (row, key) => sameKey(read(row), key) };
}

/** Equality of Map: NaN equals NaN, 0 equals -0; tuples part by part. */
export function sameKey(a: Key, b: Key): boolean {
  if (isTuple(a)) return isTuple(b) && a.length === b.length && a.every((part, i) => samePart(part, b[i] as KeyPart));
  return !isTuple(b) && samePart(a, b);
}

function samePart(a: KeyPart, b: KeyPart): boolean {
  return a === b || (a !== a && b !== b);
}

function tupleMatcher(parts: readonly KeyMatcher<KeyPart>[]): KeyMatcher {
  return {
    read: (row) => parts.map((part) => part.read(row)),
    matches(row, key) {
      if (!isTuple(key)) return false;
      for (let i = 0; i < parts.length; i++) if (!(parts[i] as KeyMatcher<KeyPart>).matches(row, key[i] as KeyPart)) return false;
      return true;
    },
  };
}

function partMatcher(column: Column): KeyMatcher<KeyPart> {
  const { values, offsets, field } = column;
  const read = (row: number): KeyPart => toKeyPart(column.get(row));
  if (field.dtype === 'string' && values instanceof Uint8Array && offsets !== undefined) return stringMatcher(column, values, offsets);
  if (values instanceof Int32Array && column.nullCount === 0) return { read, matches: (row, key) => values[row] === key };
  return { read, matches: (row, key) => samePart(toKeyPart(column.get(row)), key) };
}

function stringMatcher(column: Column, bytes: Uint8Array, offsets: Int32Array): KeyMatcher<KeyPart> {
  const hasNulls = column.nullCount > 0;
  return {
    read: (row) => column.get(row) as KeyPart,
    matches(row, key) {
      if (hasNulls && column.isNull(row)) return key === null;
      if (typeof key !== 'string') return false;
      const from = offsets[row] as number;
      const length = (offsets[row + 1] as number) - from;
      // As many bytes as characters: ASCII, or not equal.
      if (length !== key.length) return length > key.length && column.get(row) === key;
      for (let i = 0; i < length; i++) if (bytes[from + i] !== key.charCodeAt(i)) return false;
      return true;
    },
  };
}
