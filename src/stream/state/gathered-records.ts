import type { ByteWriter } from './byte-writer.js';
import { tags } from './column-format.js';
import { copyIntegers, copyNumbers, isSmallInteger } from './copy-numbers.js';
import type { GroupPlaces } from './group-places.js';
import type { ScratchNumbers } from './scratch-numbers.js';
import { recordNames, writeColumn, writeNames } from './write-column.js';

/** Of 32 bits where all are integers: half as much to write and to read again. */
type Numbers = Int32Array | Float64Array;

/** A property of all records that is a number. */
interface NumberColumn {
  readonly kind: 'number';
  readonly values: Numbers;
}

/** A property of all records that is a list of numbers. */
interface ListColumn {
  readonly kind: 'list';
  /** By place. */
  readonly lengths: Int32Array;
  /** Of all lists, in the order of places; `starts` by group. */
  readonly elements: Numbers;
  readonly starts: Int32Array;
}

/**
 * Records of numbers and lists of numbers, of all keys of a subtask, as columns.
 *
 * What encoding costs is the way from object to object in memory. Group by group it leads to and fro, because keys are dealt
 * to groups by hash; in the order of slots the objects follow one another, more or less, at a quarter of the price. So the
 * objects are visited once, in that order, and their numbers scattered to where the columns of each group are:
 *
 * ```
 * slots     s0 s1 s2 s3 …       objects, read in this order
 *            │  └──┐ │
 * columns   [group 0   ][group 1   ] …      numbers, written to some places at a time, each of which moves forward
 * ```
 */
export class GatheredRecords {
  private constructor(
    private readonly starts: Int32Array,
    private readonly columns: ReadonlyMap<string, NumberColumn | ListColumn>,
  ) {}

  /**
   * @param scratch its numbers are of use until it is cleared
   * @returns undefined where the values are not all records of the same numbers and lists of numbers
   */
  static of(values: readonly unknown[], places: GroupPlaces, scratch: ScratchNumbers): GatheredRecords | undefined {
    const first = places.slots.length === 0 ? undefined : values[places.slots[0]!];
    const names = recordNames(first);
    if (names === undefined || !haveNames(values, places.slots, names)) return undefined;
    const records = values as readonly Readonly<Record<string, unknown>>[];
    const lists = names.filter((name) => Array.isArray(records[places.slots[0]!]![name]));
    const columns = new Map<string, NumberColumn | ListColumn>();
    for (const name of names) {
      const column = lists.includes(name) ? gatherLists(records, name, places, scratch) : gatherNumbers(records, name, places, scratch);
      if (column === undefined) return undefined;
      columns.set(name, column);
    }
    return areApart(records, lists, places.slots) ? new GatheredRecords(places.starts, columns) : undefined;
  }

  /** The same bytes as those of writeColumn() for the values of this group. */
  write(writer: ByteWriter, group: number): void {
    const [from, to] = [this.starts[group]!, this.starts[group + 1]!];
    if (from === to) return writeColumn(writer, []);
    writer.head(tags.records, to - from);
    writeNames(writer, [...this.columns.keys()]);
    for (const column of this.columns.values()) {
      if (column.kind === 'number') {
        writeNumbers(writer, column.values.subarray(from, to));
      } else {
        writer.head(tags.lists, to - from);
        writer.int32(to - from).set(column.lengths.subarray(from, to));
        writeNumbers(writer, column.elements.subarray(column.starts[group], column.starts[group + 1]));
      }
    }
  }
}

function haveNames(values: readonly unknown[], slots: Int32Array, names: readonly string[]): boolean {
  for (const slot of slots) {
    const value = values[slot];
    if (typeof value !== 'object' || value === null) return false;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return false;
    let place = 0;
    for (const name in value) if (name !== names[place++]) return false;
    if (place !== names.length) return false;
  }
  return true;
}

function gatherNumbers(
  records: readonly Readonly<Record<string, unknown>>[],
  name: string,
  { slots, places }: GroupPlaces,
  scratch: ScratchNumbers,
): NumberColumn | undefined {
  const integers = scratch.takeIntegers(slots.length);
  let i = 0;
  for (; i < slots.length; i++) {
    const value = records[slots[i]!]![name];
    if (typeof value !== 'number' || !isSmallInteger(value)) break;
    integers[places[i]!] = value;
  }
  if (i === slots.length) return { kind: 'number', values: integers };
  const values = scratch.take(slots.length);
  for (i = 0; i < slots.length; i++) {
    const value = records[slots[i]!]![name];
    if (typeof value !== 'number') return undefined;
    values[places[i]!] = value;
  }
  return { kind: 'number', values };
}

function gatherLists(
  records: readonly Readonly<Record<string, unknown>>[],
  name: string,
  { slots, groups, places, starts: firsts }: GroupPlaces,
  scratch: ScratchNumbers,
): ListColumn | undefined {
  const lengths = new Int32Array(slots.length);
  const starts = new Int32Array(firsts.length);
  for (let i = 0; i < slots.length; i++) {
    const list = records[slots[i]!]![name];
    if (!Array.isArray(list)) return undefined;
    lengths[places[i]!] = list.length;
    starts[groups[i]! + 1]! += list.length;
  }
  for (let group = 1; group < starts.length; group++) starts[group]! += starts[group - 1]!;
  const scatter = <T extends Numbers>(to: T, copy: (list: readonly unknown[], to: T, at: number) => boolean): ListColumn | undefined => {
    const next = starts.slice();
    for (let i = 0; i < slots.length; i++) {
      const at = next[groups[i]!]!;
      const list = records[slots[i]!]![name] as readonly unknown[];
      if (!copy(list, to, at)) return undefined;
      next[groups[i]!] = at + list.length;
    }
    return { kind: 'list', lengths, elements: to, starts };
  };
  const count = starts.at(-1)!;
  return scatter(scratch.takeIntegers(count), copyIntegers) ?? scatter(scratch.take(count), copyNumbers);
}

/** No list is in two properties of a record, where a change of one would be a change of the other. */
function areApart(records: readonly Readonly<Record<string, unknown>>[], lists: readonly string[], slots: Int32Array): boolean {
  for (let a = 1; a < lists.length; a++) {
    for (let b = 0; b < a; b++) for (const slot of slots) if (records[slot]![lists[a]!] === records[slot]![lists[b]!]) return false;
  }
  return true;
}

function writeNumbers(writer: ByteWriter, values: Numbers): void {
  if (values instanceof Int32Array) {
    writer.head(tags.integers, values.length);
    writer.int32(values.length).set(values);
    return;
  }
  const from = writer.at;
  writer.head(tags.integers, values.length);
  const integers = writer.int32(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (isSmallInteger(value)) {
      integers[i] = value;
      continue;
    }
    writer.rewind(from);
    writer.head(tags.numbers, values.length);
    writer.float64(values.length).set(values);
    return;
  }
}
