import type { KeyIndex } from './key-index.js';

/**
 * Where the keys of a subtask lie in columns that are written group by group:
 *
 * ```
 * slots    s0 s1 s2 s3 …               keys that hold something, in the order in which they came
 * places   │ group 0 │ group 1 │ …     the same keys; in a group in the order of their slots
 *          starts[0] starts[1]
 * ```
 */
export class GroupPlaces {
  readonly slots: Int32Array;
  /** Group of each of `slots`. */
  readonly groups: Int32Array;
  /** Place of each of `slots`. */
  readonly places: Int32Array;
  /** First place of each group, and the end of the last one [keyGroups + 1]. */
  readonly starts: Int32Array;
  readonly #slotAt: Int32Array;

  constructor(keys: KeyIndex, keyGroups: number) {
    this.slots = keys.liveSlots();
    const { length } = this.slots;
    this.groups = new Int32Array(length);
    this.places = new Int32Array(length);
    this.starts = new Int32Array(keyGroups + 1);
    this.#slotAt = new Int32Array(length);
    for (let i = 0; i < length; i++) {
      const group = keys.groupOf(this.slots[i]!);
      this.groups[i] = group;
      this.starts[group + 1]!++;
    }
    for (let group = 1; group <= keyGroups; group++) this.starts[group]! += this.starts[group - 1]!;
    const next = this.starts.slice();
    for (let i = 0; i < length; i++) {
      const place = next[this.groups[i]!]!++;
      this.places[i] = place;
      this.#slotAt[place] = this.slots[i]!;
    }
  }

  /** The slots of one group, in order. */
  slotsOf(group: number): Int32Array {
    return this.#slotAt.subarray(this.starts[group], this.starts[group + 1]);
  }

  /** By slot: which one it is in its group. */
  ranks(): Int32Array {
    const ranks = new Int32Array((this.slots.at(-1) ?? -1) + 1);
    for (let i = 0; i < this.slots.length; i++) ranks[this.slots[i]!] = this.places[i]! - this.starts[this.groups[i]!]!;
    return ranks;
  }
}

/** What Array.from() gives, without an iterator for each step. */
export function pick<T>(slots: Int32Array, of: (slot: number) => T): T[] {
  const picked: T[] = [];
  for (let i = 0; i < slots.length; i++) picked.push(of(slots[i]!));
  return picked;
}
