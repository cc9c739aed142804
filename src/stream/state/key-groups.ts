import { MillraceError } from '../../core/errors.js';
import type { Column, RecordBatch } from '../../memory/batch.js';
import type { KeySelector } from '../graph.js';
import type { KeyGroupRange } from '../subtask.js';
import { combineHash, hashBytes, hashInt32, hashKey, hashNull, hashPart, hashString, hashWords, mix } from './key-hash.js';
import { toKey, toKeyPart, type Key } from './key.js';

/**
 * Key groups: the units in which keyed state is dealt to subtasks. A job has a fixed number of them (128 by default);
 * a key belongs to `hash(key) mod total` (key-hash.ts) whatever the parallelism, so that rescaling moves whole groups.
 */
export function keyGroupOf(key: Key, total: number): number {
  return hashKey(key) % total;
}

/** The groups of subtask `index` of `parallelism`: contiguous, sizes differ by one at most (Flink's formula). */
export function keyGroupRange(index: number, parallelism: number, total: number): KeyGroupRange {
  if (parallelism > total) {
    throw new MillraceError(
      'OPTION_INVALID',
      `parallelism ${parallelism} is above the number of key groups (${total}); lower it, or give the job more key groups`,
    );
  }
  const from = Math.floor((index * total + parallelism - 1) / parallelism);
  const to = Math.floor(((index + 1) * total + parallelism - 1) / parallelism);
  return { from, to, total };
}

/** The subtask that owns a key group; the inverse of {@link keyGroupRange}. */
export function subtaskOfKeyGroup(group: number, parallelism: number, total: number): number {
  return Math.floor((group * parallelism) / total);
}

/** The key group of each row [length]. One string or integer column is hashed without making a key per row. */
export function keyGroupsOf(batch: RecordBatch, selector: KeySelector, total: number): Int32Array {
  const groups = keyHashesOf(batch, selector);
  for (let i = 0; i < groups.length; i++) groups[i] = ((groups[i] as number) >>> 0) % total;
  return groups;
}

/** The hash of each row's key, as int32 [length]; `>>> 0` makes it the one of hashKey. */
export function keyHashesOf(batch: RecordBatch, selector: KeySelector): Int32Array {
  const hashes = new Int32Array(batch.length);
  if (!('columns' in selector)) {
    const keyOf = selector.fn as (row: unknown) => unknown;
    for (let i = 0; i < hashes.length; i++) hashes[i] = hashKey(toKey(keyOf(batch.row(i))));
    return hashes;
  }
  const { columns } = selector;
  if (batch.schema === undefined) {
    hashRowFields(batch, columns, hashes);
  } else if (columns.length === 1) {
    hashColumn(batch.column(columns[0] as string), hashes);
  } else {
    hashTuples(batch, columns, hashes);
  }
  return hashes;
}

/** How the rows of a batch are keyed, one at a time; for what the fast paths do not cover. */
export function keyReader(batch: RecordBatch, selector: KeySelector): (row: number) => Key {
  if (!('columns' in selector)) {
    const keyOf = selector.fn as (row: unknown) => unknown;
    return (row) => toKey(keyOf(batch.row(row)));
  }
  const { columns } = selector;
  if (batch.schema === undefined) {
    return columns.length === 1
      ? (row) => toKeyPart(batch.row(row)[columns[0] as string])
      : (row) => {
          const value = batch.row(row);
          return columns.map((name) => toKeyPart(value[name]));
        };
  }
  const read = columns.map((name) => batch.column(name));
  const [only] = read;
  return read.length === 1 && only !== undefined ? (row) => toKeyPart(only.get(row)) : (row) => read.map((column) => toKeyPart(column.get(row)));
}

function hashRowFields(batch: RecordBatch, columns: readonly string[], hashes: Int32Array): void {
  const keyAt = keyReader(batch, { columns });
  for (let i = 0; i < hashes.length; i++) hashes[i] = hashKey(keyAt(i));
}

function hashTuples(batch: RecordBatch, columns: readonly string[], hashes: Int32Array): void {
  const part = new Int32Array(hashes.length);
  hashes.fill(17);
  for (const name of columns) {
    hashColumn(batch.column(name), part);
    for (let i = 0; i < hashes.length; i++) hashes[i] = combineHash(hashes[i] as number, (part[i] as number) >>> 0);
  }
  for (let i = 0; i < hashes.length; i++) hashes[i] = mix(hashes[i] as number);
}

function hashColumn(column: Column, hashes: Int32Array): void {
  const { values, offsets } = column;
  if (column.field.dtype === 'string') {
    if (values instanceof Uint8Array && offsets !== undefined) hashUtf8(values, offsets, hashes);
    else hashStrings(column, hashes);
  } else if (values instanceof Int32Array || values instanceof Int16Array || values instanceof Int8Array || isSmallUnsigned(column)) {
    const integers = values as Int32Array;
    for (let i = 0; i < hashes.length; i++) hashes[i] = hashInt32(integers[i] as number);
  } else if (values instanceof BigInt64Array && (column.field.dtype === 'timestamp' || column.field.dtype === 'int64')) {
    hashInt64(column, values, hashes);
  } else {
    for (let i = 0; i < hashes.length; i++) hashes[i] = hashPart(toKeyPart(column.get(i)));
    return;
  }
  if (column.nullCount > 0) for (let i = 0; i < hashes.length; i++) if (column.isNull(i)) hashes[i] = hashNull;
}

/** uint8 and uint16 fit int32; a bool's bitmap and a float16's bits are in such arrays, too, and are not numbers. */
function isSmallUnsigned(column: Column): boolean {
  return column.values !== undefined && (column.field.dtype === 'uint8' || column.field.dtype === 'uint16');
}

function hashUtf8(bytes: Uint8Array, offsets: Int32Array, hashes: Int32Array): void {
  let from = offsets[0] as number;
  for (let i = 0; i < hashes.length; i++) {
    const to = offsets[i + 1] as number;
    hashes[i] = hashBytes(bytes, from, to);
    from = to;
  }
}

function hashStrings(column: Column, hashes: Int32Array): void {
  const known = new Map<string, number>();
  for (let i = 0; i < hashes.length; i++) {
    if (column.isNull(i)) continue;
    const text = column.get(i) as string;
    let hash = known.get(text);
    if (hash === undefined) known.set(text, (hash = hashString(text)));
    hashes[i] = hash;
  }
}

function hashInt64(column: Column, values: BigInt64Array, hashes: Int32Array): void {
  const asBigint = column.field.bigint === true;
  // Two words instead of a bigint per row; typed arrays have the byte order of the machine, and Node's are little-endian.
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  for (let i = 0; i < hashes.length; i++) {
    const low = words[2 * i] as number;
    const high = words[2 * i + 1] as number;
    // Beyond 2^53 the row has a rounded number, which is hashed by its float bits.
    const safe = high >= -0x20_0000 && high < 0x20_0000 && !(high === -0x20_0000 && low === 0);
    hashes[i] = asBigint || safe ? hashWords(low, high) : hashPart(toKeyPart(column.get(i)));
  }
}
