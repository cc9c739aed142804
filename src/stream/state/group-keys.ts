import type { ByteWriter } from './byte-writer.js';
import { tags } from './column-format.js';
import { grown, isSmallInteger } from './copy-numbers.js';
import { pick } from './group-places.js';
import { isTuple, type Key, type KeyPart } from './key.js';
import { longestTuple, writeColumn } from './write-column.js';

/**
 * The keys of one key group, encoded from one snapshot to the next: keys stay and come, so what a snapshot pays for is
 * the new ones.
 *
 * ```
 * slots    s0 s1 s2 │ s3 s4 …       as of the last snapshot │ new ones, appended
 * columns  one for each part of the key; one for all parts where they are of one type
 * ```
 * Text of Latin-1 and integers, alone or in tuples; other keys are encoded anew each time.
 */
export class GroupKeys {
  #slots = new Int32Array(0);
  #count = 0;
  /** Types of the parts, 's' and 'n'; undefined before the first key, and where keys are not alike. */
  #types: string | undefined;
  #isTuple = false;
  #columns: (TextColumn | IntegerColumn)[] = [];

  /**
   * Writes the bytes that writeColumn() would.
   *
   * @param slots of the group's keys; a slot that was there in an earlier call has the same key
   */
  write(writer: ByteWriter, slots: Int32Array, keyOf: (slot: number) => Key): void {
    if (!this.#follow(slots, keyOf)) {
      writeColumn(writer, pick(slots, keyOf));
      return;
    }
    const parts = this.#types!.length;
    if (this.#isTuple && this.#columns.length > 1) {
      writer.head(tags.tuples, slots.length);
      writer.head(parts, 0);
    } else if (this.#isTuple) {
      writer.head(tags.lists, slots.length);
      writer.int32(slots.length).fill(parts);
    }
    for (const column of this.#columns) column.write(writer);
  }

  /** @returns false where the keys are not alike */
  #follow(slots: Int32Array, keyOf: (slot: number) => Key): boolean {
    if (slots.length === 0) return false;
    if (!this.#isPrefixOf(slots)) this.#begin(keyOf(slots[0]!));
    if (this.#types === undefined) return false;
    for (; this.#count < slots.length; this.#count++) {
      if (this.#append(keyOf(slots[this.#count]!))) continue;
      this.#types = undefined;
      return false;
    }
    if (this.#slots.length < slots.length) this.#slots = new Int32Array(Math.ceil(slots.length * 1.25));
    this.#slots.set(slots);
    return true;
  }

  #isPrefixOf(slots: Int32Array): boolean {
    if (this.#types === undefined || this.#count > slots.length) return false;
    for (let i = 0; i < this.#count; i++) if (this.#slots[i] !== slots[i]) return false;
    return true;
  }

  #begin(key: Key): void {
    this.#isTuple = isTuple(key);
    this.#count = 0;
    const types = typesOf(key);
    this.#types = types.length === 0 || types.length > longestTuple || /[^sn]/.test(types) ? undefined : types;
    const isMixed = types.includes('s') && types.includes('n');
    this.#columns = Array.from(isMixed ? types : types.slice(0, 1), (type) => (type === 's' ? new TextColumn() : new IntegerColumn()));
  }

  #append(key: Key): boolean {
    if (isTuple(key) !== this.#isTuple) return false;
    if (!isTuple(key)) return this.#columns[0]!.append(key);
    if (key.length !== this.#types!.length) return false;
    const { length } = this.#columns;
    for (let i = 0; i < key.length; i++) if (!this.#columns[length === 1 ? 0 : i]!.append(key[i]!)) return false;
    return true;
  }
}

function typesOf(key: Key): string {
  const typeOf = (part: KeyPart): string => (typeof part === 'string' ? 's' : typeof part === 'number' ? 'n' : '?');
  return isTuple(key) ? Array.from(key, typeOf).join('') : typeOf(key);
}

class TextColumn {
  #lengths = new Int32Array(16);
  #count = 0;
  #text = Buffer.alloc(64);
  #size = 0;

  /** @returns false for what is no text of Latin-1 */
  append(part: KeyPart): boolean {
    if (typeof part !== 'string') return false;
    if (this.#count === this.#lengths.length) this.#lengths = grown(this.#lengths, new Int32Array(2 * this.#count));
    if (this.#size + part.length > this.#text.length) this.#text = grown(this.#text, Buffer.alloc(2 * (this.#size + part.length)));
    for (let i = 0; i < part.length; i++) {
      const code = part.charCodeAt(i);
      if (code > 0xff) return false;
      this.#text[this.#size++] = code;
    }
    this.#lengths[this.#count++] = part.length;
    return true;
  }

  write(writer: ByteWriter): void {
    writer.head(tags.text, this.#count);
    writer.int32(this.#count).set(this.#lengths.subarray(0, this.#count));
    writer.head(0, this.#size);
    writer.bytes(this.#size).set(this.#text.subarray(0, this.#size));
  }
}

class IntegerColumn {
  #values = new Int32Array(16);
  #count = 0;

  /** @returns false for what is no integer of 32 bits */
  append(part: KeyPart): boolean {
    if (typeof part !== 'number' || !isSmallInteger(part)) return false;
    if (this.#count === this.#values.length) this.#values = grown(this.#values, new Int32Array(2 * this.#count));
    this.#values[this.#count++] = part;
    return true;
  }

  write(writer: ByteWriter): void {
    writer.head(tags.integers, this.#count);
    writer.int32(this.#count).set(this.#values.subarray(0, this.#count));
  }
}
