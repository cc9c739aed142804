import { serialize } from 'node:v8';
import type { ByteWriter } from './byte-writer.js';
import { copyIntegers, copyNumbers, isSmallInteger } from './copy-numbers.js';
import { tags } from './column-format.js';

/** More properties than a record of fields has: a dictionary, which no other value will be like. */
const mostNames = 64;
export const longestTuple = 16;

/** What may lie within the value that is being written. */
type Within = 'key' | 'list' | 'record' | 'listed record';

/**
 * Writes one column; see column-format.ts.
 *
 * @throws what V8 throws for a value that cannot be cloned
 */
export function writeColumn(writer: ByteWriter, values: readonly unknown[]): void {
  if (!values.includes(undefined)) {
    writeValues(writer, values);
    return;
  }
  writer.head(tags.optional, values.length);
  const present = writer.bytes(values.length);
  values.forEach((value, i) => (present[i] = value === undefined ? 0 : 1));
  writeValues(
    writer,
    values.filter((value) => value !== undefined),
  );
}

function writeValues(writer: ByteWriter, values: readonly unknown[]): void {
  const from = writer.at;
  if (writePlain(writer, values, 'key')) return;
  writer.rewind(from);
  writeAny(writer, values);
}

function writeAny(writer: ByteWriter, values: readonly unknown[]): void {
  // V8 encodes an array by whether it has room for holes, and a number by whether it has been in an array of doubles, both of
  // which depend on what happened before: equal states are to be equal bytes.
  const array = new Array<unknown>(values.length).fill(undefined);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    array[i] = typeof value === 'number' && isSmallInteger(value) ? value | 0 : value;
  }
  const bytes = serialize(array);
  writer.head(tags.any, values.length);
  writer.head(bytes.length, 0);
  writer.bytes(bytes.length).set(bytes);
}

/** @returns false where they are not all alike and plain; what was written so far is of no use then */
function writePlain(writer: ByteWriter, values: readonly unknown[], within: Within): boolean {
  const first = values[0];
  switch (typeof first) {
    case 'undefined':
      return values.length === 0 && writeNumbers(writer, [], 0);
    case 'number':
      return writeNumbers(writer, [values], values.length);
    case 'boolean':
      return writeBooleans(writer, values as readonly boolean[]);
    case 'string':
      return writeText(writer, values as readonly string[]);
    case 'object':
      if (Array.isArray(first)) return within !== 'list' && within !== 'listed record' && writeArrays(writer, values, within);
      return first !== null && (within === 'key' || within === 'list') && writeRecords(writer, values, within);
    default:
      return false;
  }
}

/** @param lists whose numbers follow one another; `count` in all */
function writeNumbers(writer: ByteWriter, lists: readonly (readonly unknown[])[], count: number): boolean {
  const from = writer.at;
  writer.head(tags.integers, count);
  if (copyAll(lists, writer.int32(count), copyIntegers)) return true;
  writer.rewind(from);
  writer.head(tags.numbers, count);
  return copyAll(lists, writer.float64(count), copyNumbers);
}

function copyAll<T>(lists: readonly (readonly unknown[])[], to: T, copy: (list: readonly unknown[], to: T, at: number) => boolean): boolean {
  let at = 0;
  for (const list of lists) {
    if (!copy(list, to, at)) return false;
    at += list.length;
  }
  return true;
}

function writeBooleans(writer: ByteWriter, values: readonly boolean[]): boolean {
  writer.head(tags.booleans, values.length);
  const to = writer.bytes(values.length);
  for (let i = 0; i < values.length; i++) {
    if (typeof values[i] !== 'boolean') return false;
    to[i] = values[i] === true ? 1 : 0;
  }
  return true;
}

function writeText(writer: ByteWriter, values: readonly string[]): boolean {
  writer.head(tags.text, values.length);
  const lengths = writer.int32(values.length);
  for (let i = 0; i < values.length; i++) {
    if (typeof values[i] !== 'string') return false;
    lengths[i] = values[i]!.length;
  }
  const text = values.join('');
  const isWide = /[^\0-\xff]/.test(text);
  const bytes = isWide ? 2 * text.length : text.length;
  writer.head(isWide ? 1 : 0, bytes);
  writer.bytes(bytes).write(text, isWide ? 'utf16le' : 'latin1');
  return true;
}

function writeArrays(writer: ByteWriter, values: readonly unknown[], within: Within): boolean {
  if (!values.every(Array.isArray)) return false;
  const arrays = values as readonly (readonly unknown[])[];
  return (within === 'key' && isTuple(arrays[0]!) && writeTuples(writer, arrays)) || writeLists(writer, arrays, within);
}

/** Parts of several types in a fixed order, as keys of several columns are. */
function isTuple(array: readonly unknown[]): boolean {
  return array.length > 0 && array.length <= longestTuple && array.some((part) => typeof part !== typeof array[0]);
}

function writeTuples(writer: ByteWriter, arrays: readonly (readonly unknown[])[]): boolean {
  const { length } = arrays[0]!;
  if (arrays.some((array) => array.length !== length)) return false;
  const from = writer.at;
  writer.head(tags.tuples, arrays.length);
  writer.head(length, 0);
  for (let place = 0; place < length; place++) {
    const column = arrays.map((array) => array[place]);
    if (!writeScalars(writer, column)) {
      writer.rewind(from);
      return false;
    }
  }
  return true;
}

/** As they are, or mixed: nothing in them is an object. */
function writeScalars(writer: ByteWriter, values: readonly unknown[]): boolean {
  if (values.some((value) => typeof value === 'object' && value !== null)) return false;
  writeColumn(writer, values);
  return true;
}

function writeLists(writer: ByteWriter, lists: readonly (readonly unknown[])[], within: Within): boolean {
  writer.head(tags.lists, lists.length);
  const lengths = writer.int32(lists.length);
  let count = 0;
  lists.forEach((list, i) => (count += lengths[i] = list.length));
  const from = writer.at;
  if (writeNumbers(writer, lists, count)) return true;
  writer.rewind(from);
  const elements = lists.flat();
  // flat() leaves out holes.
  return elements.length === count && writePlain(writer, elements, within === 'record' ? 'listed record' : 'list');
}

function writeRecords(writer: ByteWriter, values: readonly unknown[], within: Within): boolean {
  const names = recordNames(values[0]);
  const columns = names === undefined ? undefined : columnsOf(values, names);
  if (names === undefined || columns === undefined) return false;
  if (within === 'list' && new Set(values).size < values.length) return false;
  writer.head(tags.records, values.length);
  writeNames(writer, names);
  const arrays: (readonly unknown[])[] = [];
  for (const column of columns) {
    if (!Array.isArray(column[0])) {
      if (!writeScalars(writer, column)) return false;
    } else if (within === 'list' || arrays.some((other) => isSharedWith(other, column)) || !writePlain(writer, column, 'record')) {
      return false;
    } else {
      arrays.push(column);
    }
  }
  return true;
}

/** Properties that become columns; undefined for what is no record. */
export function recordNames(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const names = Object.keys(value);
  // Assigning __proto__ would not make a property.
  return names.length === 0 || names.length > mostNames || names.includes('__proto__') ? undefined : names;
}

export function writeNames(writer: ByteWriter, names: readonly string[]): void {
  const text = Buffer.from(JSON.stringify(names));
  writer.head(text.length, 0);
  writer.bytes(text.length).set(text);
}

/** The values of each property; undefined where the objects differ in more than their values. */
function columnsOf(values: readonly unknown[], names: readonly string[]): unknown[][] | undefined {
  const columns = names.map(() => new Array<unknown>(values.length));
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as Readonly<Record<string, unknown>>;
    if (typeof value !== 'object' || value === null) return undefined;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return undefined;
    let place = 0;
    // The fastest way to look at all properties of an object, in their order.
    for (const name in value) {
      if (name !== names[place]) return undefined;
      columns[place++]![row] = value[name];
    }
    if (place !== names.length) return undefined;
  }
  return columns;
}

/** One array in two properties of an object: a change of one is a change of the other. */
function isSharedWith(a: readonly unknown[], b: readonly unknown[]): boolean {
  for (let row = 0; row < a.length; row++) if (a[row] === b[row]) return true;
  return false;
}
