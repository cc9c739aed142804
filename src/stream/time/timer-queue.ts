/**
 * Timers of keys, by time: a binary heap in which each (time, slot) is at most once, and any can be taken out.
 *
 * Flat arrays, no object per timer:
 * ```
 * entry      0..n-1, reused            times[entry], slots[entry], place[entry] = where in the heap
 * heap       entries, smallest time first
 * table      open addressing over (time, slot) -> entry + 1
 * ```
 * Timers of one time fire in no particular order. Push, pop and delete are O(log n).
 */
export class TimerQueue {
  #times = new Float64Array(16);
  #slots = new Int32Array(16);
  #place = new Int32Array(16);
  #heap = new Int32Array(16);
  #table = new Int32Array(32);
  #perSlot = new Int32Array(16);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Infinity where there is none. */
  get earliest(): number {
    return this.#size === 0 ? Infinity : (this.#times[this.#heap[0] as number] as number);
  }

  get earliestSlot(): number {
    return this.#slots[this.#heap[0] as number] as number;
  }

  /** Timers of one slot. */
  countOf(slot: number): number {
    return this.#perSlot[slot] ?? 0;
  }

  /** @returns false where it was there already */
  add(time: number, slot: number): boolean {
    if (this.#size === this.#times.length) this.#grow();
    let at = this.#hash(time, slot);
    for (let entry = this.#table[at] as number; entry !== 0; entry = this.#table[at] as number) {
      if (this.#times[entry - 1] === time && this.#slots[entry - 1] === slot) return false;
      at = (at + 1) & (this.#table.length - 1);
    }
    // Entries are kept dense: the new one is the next.
    const entry = this.#size++;
    this.#times[entry] = time;
    this.#slots[entry] = slot;
    this.#table[at] = entry + 1;
    this.#heap[entry] = entry;
    this.#siftUp(entry);
    this.#count(slot, 1);
    return true;
  }

  /** @returns false where there was none */
  delete(time: number, slot: number): boolean {
    const at = this.#find(time, slot);
    if (at < 0) return false;
    this.#remove((this.#table[at] as number) - 1, at);
    return true;
  }

  /** Takes out the earliest; look at `earliest` and `earliestSlot` first. */
  pop(): void {
    const entry = this.#heap[0] as number;
    this.#remove(entry, this.#find(this.#times[entry] as number, this.#slots[entry] as number));
  }

  /** Every timer, in no order. */
  forEach(visit: (time: number, slot: number) => void): void {
    for (let entry = 0; entry < this.#size; entry++) visit(this.#times[entry] as number, this.#slots[entry] as number);
  }

  #remove(entry: number, at: number): void {
    this.#count(this.#slots[entry] as number, -1);
    this.#vacate(at);
    const last = --this.#size;
    const place = this.#place[entry] as number;
    const moved = this.#heap[last] as number;
    this.#heap[place] = moved;
    this.#place[moved] = place;
    if (place < last) {
      this.#siftUp(place);
      this.#siftDown(this.#place[moved]);
    }
    if (entry !== last) this.#rename(last, entry);
  }

  /** Keeps entries dense: what was entry `from` is entry `to` now. */
  #rename(from: number, to: number): void {
    const at = this.#find(this.#times[from] as number, this.#slots[from] as number);
    this.#table[at] = to + 1;
    this.#times[to] = this.#times[from] as number;
    this.#slots[to] = this.#slots[from] as number;
    this.#place[to] = this.#place[from] as number;
    this.#heap[this.#place[to]] = to;
  }

  #count(slot: number, change: number): void {
    if (slot >= this.#perSlot.length) {
      const grown = new Int32Array(Math.max(slot + 1, this.#perSlot.length * 2));
      grown.set(this.#perSlot);
      this.#perSlot = grown;
    }
    this.#perSlot[slot] = (this.#perSlot[slot] as number) + change;
  }

  #siftUp(place: number): void {
    const entry = this.#heap[place] as number;
    const time = this.#times[entry] as number;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent] as number;
      if ((this.#times[above] as number) <= time) break;
      this.#heap[place] = above;
      this.#place[above] = place;
      place = parent;
    }
    this.#heap[place] = entry;
    this.#place[entry] = place;
  }

  #siftDown(place: number): void {
    const entry = this.#heap[place] as number;
    const time = this.#times[entry] as number;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && (this.#times[this.#heap[child + 1] as number] as number) < (this.#times[this.#heap[child] as number] as number)) child++;
      const below = this.#heap[child] as number;
      if ((this.#times[below] as number) >= time) break;
      this.#heap[place] = below;
      this.#place[below] = place;
      place = child;
    }
    this.#heap[place] = entry;
    this.#place[entry] = place;
  }

  #hash(time: number, slot: number): number {
    const high = Math.floor(time / 0x1_0000_0000);
    let hash = Math.imul((time - high * 0x1_0000_0000) | 0, 0x9e3779b1) ^ Math.imul(slot + 1, 0x85ebca6b) ^ high;
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    return (hash ^ (hash >>> 13)) & (this.#table.length - 1);
  }

  #find(time: number, slot: number): number {
    let at = this.#hash(time, slot);
    for (let entry = this.#table[at] as number; entry !== 0; entry = this.#table[at] as number) {
      if (this.#times[entry - 1] === time && this.#slots[entry - 1] === slot) return at;
      at = (at + 1) & (this.#table.length - 1);
    }
    return -1;
  }

  /** Empties a place of the table and moves back what probing would no longer reach. */
  #vacate(at: number): void {
    const mask = this.#table.length - 1;
    let hole = at;
    for (let next = (hole + 1) & mask; this.#table[next] !== 0; next = (next + 1) & mask) {
      const entry = (this.#table[next] as number) - 1;
      const home = this.#hash(this.#times[entry] as number, this.#slots[entry] as number);
      // Movable unless its home lies cyclically after the hole.
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        this.#table[hole] = this.#table[next] as number;
        hole = next;
      }
    }
    this.#table[hole] = 0;
  }

  #grow(): void {
    const room = this.#times.length * 2;
    this.#times = grown(this.#times, new Float64Array(room));
    this.#slots = grown(this.#slots, new Int32Array(room));
    this.#place = grown(this.#place, new Int32Array(room));
    this.#heap = grown(this.#heap, new Int32Array(room));
    this.#table = new Int32Array(room * 2);
    for (let entry = 0; entry < this.#size; entry++) {
      let at = this.#hash(this.#times[entry] as number, this.#slots[entry] as number);
      while (this.#table[at] !== 0) at = (at + 1) & (this.#table.length - 1);
      this.#table[at] = entry + 1;
    }
  }
}

function grown<A extends Float64Array | Int32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
