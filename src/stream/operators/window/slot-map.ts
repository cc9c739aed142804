/** Gives slots of keys dense numbers 0, 1, ... in the order in which they first come. */
export class SlotMap {
  #table = new Int32Array(16);
  #slots = new Int32Array(8);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  slotAt(entry: number): number {
    return this.#slots[entry] as number;
  }

  /** The number of a slot; a new slot gets the next: compare with `size` before. */
  entryOf(slot: number): number {
    const mask = this.#table.length - 1;
    // Slots are small and dense, so their low bits spread them well enough.
    for (let at = slot & mask; ; at = (at + 1) & mask) {
      const entry = (this.#table[at] as number) - 1;
      if (entry < 0) return this.#insert(at, slot);
      if (this.#slots[entry] === slot) return entry;
    }
  }

  /** -1 where the slot has none. */
  find(slot: number): number {
    const mask = this.#table.length - 1;
    for (let at = slot & mask; ; at = (at + 1) & mask) {
      const entry = (this.#table[at] as number) - 1;
      if (entry < 0 || this.#slots[entry] === slot) return entry;
    }
  }

  #insert(at: number, slot: number): number {
    const entry = this.#size++;
    if (entry < this.#slots.length) {
      this.#slots[entry] = slot;
      this.#table[at] = entry + 1;
      return entry;
    }
    const slots = new Int32Array(this.#slots.length * 2);
    slots.set(this.#slots);
    slots[entry] = slot;
    this.#slots = slots;
    this.#table = new Int32Array(slots.length * 2);
    const mask = this.#table.length - 1;
    for (let i = 0; i <= entry; i++) {
      let place = (slots[i] as number) & mask;
      while (this.#table[place] !== 0) place = (place + 1) & mask;
      this.#table[place] = i + 1;
    }
    return entry;
  }
}
