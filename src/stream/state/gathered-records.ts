import type { ByteWriter } from './byte-writer.js';
import { tags } from './column-format.js';
import type { GroupPlaces } from './group-places.js';
import { NumberSpace } from './number-space.js';
import { recordNames, writeColumn, writeNames } from './write-column.js';

/** A property that is a number in all records, by place. */
interface NumberColumn {
  readonly kind: 'number';
  readonly values: NumberSpace;
}

/** A property that is a list of numbers in all records. */
interface ListColumn {
  readonly kind: 'list';
  /** By place. */
  lengths: Int32Array;
  /** Of all lists of a group, by group. */
  readonly elements: NumberSpace[];
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
 * One for each state: its memory is used again for the next snapshot, because fresh memory costs more than what is written
 * into it.
 */
export class GatheredRecords {
  #names: readonly string[] = [];
  #columns: (NumberColumn | ListColumn)[] = [];
  /** First place of each group. */
  #starts: Int32Array = new Int32Array(0);

  /** @returns false where the values are not all records of the same numbers and lists of numbers */
  gather(values: readonly unknown[], places: GroupPlaces): boolean {
    this.#starts = places.starts;
    const first = places.slots.length === 0 ? undefined : values[places.slots[0]!];
    const names = recordNames(first);
    if (names === undefined) return false;
    this.#begin(names, first as Readonly<Record<string, unknown>>, places.slots.length);
    const { slots, groups, places: at } = places;
    for (let i = 0; i < slots.length; i++) if (!this.#take(values[slots[i]!], at[i]!, groups[i]!)) return false;
    return true;
  }

  /** The same bytes as those of writeColumn() for the values of this group. */
  write(writer: ByteWriter, group: number): void {
    const [from, to] = [this.#starts[group]!, this.#starts[group + 1]!];
    if (from === to) return writeColumn(writer, []);
    writer.head(tags.records, to - from);
    writeNames(writer, this.#names);
    for (const column of this.#columns) {
      if (column.kind === 'number') {
        column.values.write(writer, from, to);
      } else {
        writer.head(tags.lists, to - from);
        writer.int32(to - from).set(column.lengths.subarray(from, to));
        column.elements[group]!.write(writer);
      }
    }
  }

  #begin(names: readonly string[], first: Readonly<Record<string, unknown>>, count: number): void {
    const kinds = names.map((name) => (Array.isArray(first[name]) ? 'list' : 'number'));
    const isLike = kinds.length === this.#columns.length && kinds.every((kind, i) => kind === this.#columns[i]!.kind);
    this.#names = names;
    if (!isLike) this.#columns = kinds.map(createColumn);
    for (const column of this.#columns) {
      if (column.kind === 'number') {
        column.values.begin(count);
        continue;
      }
      for (let group = 0; group + 1 < this.#starts.length; group++) (column.elements[group] ??= new NumberSpace()).begin(0);
      if (column.lengths.length < count) column.lengths = new Int32Array(Math.ceil(count * 1.25));
    }
  }

  #take(value: unknown, place: number, group: number): boolean {
    if (typeof value !== 'object' || value === null) return false;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return false;
    const columns = this.#columns;
    const names = this.#names;
    let at = 0;
    let list: unknown;
    // The fastest way to look at all properties of an object, in their order.
    for (const name in value) {
      if (name !== names[at]) return false;
      const held = (value as Readonly<Record<string, unknown>>)[name];
      const column = columns[at++]!;
      if (column.kind === 'number') {
        if (typeof held !== 'number') return false;
        column.values.set(place, held);
      } else {
        // Of two lists one might be the other: a change of one would be a change of both.
        if (!Array.isArray(held) || (list !== undefined && !this.#areApart(value as Readonly<Record<string, unknown>>))) return false;
        list = held;
        if (!column.elements[group]!.append(held)) return false;
        column.lengths[place] = held.length;
      }
    }
    return at === names.length;
  }

  #areApart(record: Readonly<Record<string, unknown>>): boolean {
    const lists = this.#names.filter((_, i) => this.#columns[i]!.kind === 'list').map((name) => record[name]);
    return new Set(lists).size === lists.length;
  }
}

function createColumn(kind: 'list' | 'number'): NumberColumn | ListColumn {
  return kind === 'number' ? { kind, values: new NumberSpace() } : { kind, lengths: new Int32Array(0), elements: [] };
}
