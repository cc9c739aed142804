/** A binary heap of (time, row), the earliest first, rows of one time in the order of their numbers. No objects. */
export class TimeHeap {
  #times = new Float64Array(1024);
  #rows = new Float64Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Infinity where it is empty. */
  get earliest(): number {
    return this.#size === 0 ? Infinity : this.#times[0]!;
  }

  /** Every row, in no order. */
  rows(): Float64Array {
    return this.#rows.slice(0, this.#size);
  }

  push(time: number, row: number): void {
    if (this.#size === this.#times.length) this.#grow();
    const times = this.#times;
    const rows = this.#rows;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentTime = times[parent]!;
      if (parentTime < time || (parentTime === time && rows[parent]! < row)) break;
      times[at] = parentTime;
      rows[at] = rows[parent]!;
      at = parent;
    }
    times[at] = time;
    rows[at] = row;
  }

  /** Takes the earliest. @returns its row */
  pop(): number {
    const times = this.#times;
    const rows = this.#rows;
    const top = rows[0]!;
    const size = --this.#size;
    const time = times[size]!;
    const row = rows[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && (times[right]! < times[child]! || (times[right] === times[child] && rows[right]! < rows[child]!))) child = right;
      const childTime = times[child]!;
      if (time < childTime || (time === childTime && row < rows[child]!)) break;
      times[at] = childTime;
      rows[at] = rows[child]!;
      at = child;
    }
    times[at] = time;
    rows[at] = row;
    return top;
  }

  #grow(): void {
    for (const name of ['times', 'rows'] as const) {
      const larger = new Float64Array(this.#size * 2);
      larger.set(name === 'times' ? this.#times : this.#rows);
      if (name === 'times') this.#times = larger;
      else this.#rows = larger;
    }
  }
}
