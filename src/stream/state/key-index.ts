import type { Column, RecordBatch } from '../../memory/batch.js';
import type { KeySelector } from '../graph.js';
import { keyHashesOf } from './key-groups.js';
import { hashKey } from './key-hash.js';
import { keyMatcher, sameKey } from './key-matchers.js';
import type { Key } from './key.js';

/**
 * Gives each key of a subtask a slot: a small number, so that state is an array indexed by slot and a row of a string
 * column finds its state without its string ever being made.
 *
 * Open addressing over the stable key hash. Slots whose keys hold nothing any more are taken back when the table would
 * have to grow; slots handed out for a batch stay valid until the next call of `slotsOf` or `slotsOfKeys`.
 */
export class KeyIndex {
  readonly #isLive: (slot: number) => boolean;
  readonly #keyGroups: number;
  #table = new Int32Array(32);
  #shift = 27;
  /** By slot; undefined where the slot is free. */
  readonly #keys: (Key | undefined)[] = [];
  #hashes = new Int32Array(16);
  readonly #free: number[] = [];
  /** Slots of keys that came as JavaScript strings, which have a hash of their own already. */
  readonly #byString = new Map<string, number>();
  #used = 0;
  #reused = 0;

  /** @param options.isLive whether a slot holds state or timers */
  constructor({ keyGroups, isLive }: { readonly keyGroups: number; readonly isLive: (slot: number) => boolean }) {
    this.#keyGroups = keyGroups;
    this.#isLive = isLive;
  }

  /** One more than the highest slot in use. */
  get slotCount(): number {
    return this.#keys.length;
  }

  /** How many times a slot was given to another key than its first. */
  get reused(): number {
    return this.#reused;
  }

  keyOf(slot: number): Key {
    return this.#keys[slot] as Key;
  }

  groupOf(slot: number): number {
    return ((this.#hashes[slot] as number) >>> 0) % this.#keyGroups;
  }

  /** Every slot that holds something, ascending. */
  liveSlots(): Int32Array {
    const slots = new Int32Array(this.#keys.length);
    let count = 0;
    for (let slot = 0; slot < slots.length; slot++) if (this.#keys[slot] !== undefined && this.#isLive(slot)) slots[count++] = slot;
    return slots.subarray(0, count);
  }

  /** The slot of each row's key [length]; new keys get new ones. */
  slotsOf(batch: RecordBatch, selector: KeySelector): Int32Array {
    this.#reserve(batch.length);
    const strings = stringColumn(batch, selector);
    if (strings !== undefined) return this.#slotsOfStrings(strings);
    const slots = keyHashesOf(batch, selector);
    const matcher = keyMatcher(batch, selector);
    for (let row = 0; row < slots.length; row++) {
      const hash = slots[row] as number;
      let at = this.#start(hash);
      for (;;) {
        const slot = (this.#table[at] as number) - 1;
        if (slot < 0) {
          slots[row] = this.#insert(at, matcher.read(row), hash);
          break;
        }
        if (this.#hashes[slot] === hash && matcher.matches(row, this.#keys[slot] as Key)) {
          slots[row] = slot;
          break;
        }
        at = (at + 1) & (this.#table.length - 1);
      }
    }
    return slots;
  }

  /** The slots of keys, new or not. */
  slotsOfKeys(keys: readonly Key[]): number[] {
    this.#reserve(keys.length);
    return keys.map((key) => this.#slotOf(key));
  }

  #slotsOfStrings(column: Column): Int32Array {
    const slots = new Int32Array(column.length);
    for (let row = 0; row < slots.length; row++) {
      const key = column.get(row) as string | null;
      let slot = key === null ? this.#slotOf(null) : this.#byString.get(key);
      if (slot === undefined) this.#byString.set(key as string, (slot = this.#slotOf(key)));
      slots[row] = slot;
    }
    return slots;
  }

  #slotOf(key: Key): number {
    const hash = hashKey(key) | 0;
    for (let at = this.#start(hash); ; at = (at + 1) & (this.#table.length - 1)) {
      const slot = (this.#table[at] as number) - 1;
      if (slot < 0) return this.#insert(at, key, hash);
      if (this.#hashes[slot] === hash && sameKey(this.#keys[slot] as Key, key)) return slot;
    }
  }

  #start(hash: number): number {
    // The low bits choose the key group, so that a subtask sees few of them: spread before cutting.
    return Math.imul(hash, 0x9e3779b1) >>> this.#shift;
  }

  #insert(at: number, key: Key, hash: number): number {
    const free = this.#free.pop();
    if (free !== undefined) this.#reused++;
    const slot = free ?? this.#keys.length;
    this.#keys[slot] = key;
    if (slot >= this.#hashes.length) {
      const grown = new Int32Array(this.#hashes.length * 2);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[slot] = hash;
    this.#table[at] = slot + 1;
    this.#used++;
    return slot;
  }

  /** Makes room for `more` new keys, so that no row of a batch can move slots under the rows before it. */
  #reserve(more: number): void {
    if ((this.#used + more) * 2 <= this.#table.length) return;
    for (let slot = 0; slot < this.#keys.length; slot++) {
      if (this.#keys[slot] === undefined || this.#isLive(slot)) continue;
      this.#keys[slot] = undefined;
      this.#free.push(slot);
      this.#used--;
    }
    this.#byString.clear();
    // Twice the room needed, lest a full table is swept for every batch.
    while (this.#table.length < (this.#used + more) * 4) {
      this.#table = new Int32Array(this.#table.length * 2);
      this.#shift--;
    }
    this.#table.fill(0);
    for (let slot = 0; slot < this.#keys.length; slot++) {
      if (this.#keys[slot] === undefined) continue;
      let at = this.#start(this.#hashes[slot] as number);
      while (this.#table[at] !== 0) at = (at + 1) & (this.#table.length - 1);
      this.#table[at] = slot + 1;
    }
  }
}

/** The key column where it is one of strings that are held as such, not as bytes. */
function stringColumn(batch: RecordBatch, selector: KeySelector): Column | undefined {
  if (!('columns' in selector) || selector.columns.length !== 1 || batch.schema === undefined) return undefined;
  const column = batch.column(selector.columns[0] as string);
  return column.field.dtype === 'string' && column.values === undefined ? column : undefined;
}
