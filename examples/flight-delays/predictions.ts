/** Rows of one block, and bytes of each: time int32, probability float32, outcome u8. */
const blockRows = 16_384;
const rowBytes = 9;
const headBytes = 16;
/** Count and latest time of what was forgotten, float64; a block with rows is longer. */
const forgottenBytes = 16;
const version = 2;

/**
 * Predictions in the order in which they came, in blocks of columns:
 *
 * ```
 * version u32 │ rows u32 │ 8 B │ times int32 × rows │ probabilities float32 × rows │ late u8 × rows
 * ```
 * Times are whole seconds, which is as exact as those of flights and half of what float64 takes in each checkpoint.
 *
 * A full block never changes, so a checkpoint takes it as it is. Only the last share of the stream counts in the end, wherever that
 * will be, so a block that lies before the last share of what has come so far is forgotten: neither memory nor checkpoints hold
 * the whole stream.
 *
 * ```
 *   0           dropped      (1 - lastShare) × length      length
 *   ├─ forgotten ─┼─ slack ──┬──────── counts so far ────────┤
 * ```
 */
export class Predictions {
  readonly #lastShare: number;
  readonly #full: Block[] = [];
  #last = new Block(blockRows);
  #dropped = 0;
  #latestDropped = -Infinity;

  /** @param lastShare the last part of the stream that counts, by time, 0..1 */
  constructor(lastShare: number) {
    this.#lastShare = lastShare;
  }

  /** Of the whole stream. */
  get length(): number {
    return this.#dropped + this.#full.length * blockRows + this.#last.rows;
  }

  /** @param time seconds since 1970 */
  add(time: number, late: boolean, probability: number): void {
    if (this.#last.rows === blockRows) {
      this.#full.push(this.#last);
      this.#last = new Block(blockRows);
      this.#forget();
    }
    this.#last.add(time, late, probability);
  }

  /** What was forgotten, then the blocks; the last one as a copy, because more comes into it. */
  snapshot(): Uint8Array[] {
    const forgotten = new Uint8Array(Float64Array.of(this.#dropped, this.#latestDropped).buffer);
    return [forgotten, ...this.#full.map(({ bytes }) => bytes), ...(this.#last.rows === 0 ? [] : [this.#last.cut()])];
  }

  /** Adds a piece that snapshot() gave. */
  restore(bytes: Uint8Array): void {
    if (bytes.length === forgottenBytes) {
      [this.#dropped, this.#latestDropped] = new Float64Array(new Uint8Array(bytes).buffer) as unknown as [number, number];
      return;
    }
    const { times, late, probabilities, rows } = Block.of(bytes);
    for (let i = 0; i < rows; i++) this.add(times[i]!, late[i] === 1, probabilities[i]!);
  }

  /**
   * Those of the last share of the stream, by time.
   *
   * @throws where one of them may have been forgotten, because predictions came in another order than that of their times
   */
  tail(): { readonly late: boolean[]; readonly probabilities: number[] } {
    const held = this.#columns();
    const order = Uint32Array.from(held.times, (_, i) => i).sort((a, b) => held.times[a]! - held.times[b]!);
    const count = this.length - Math.floor(this.length * (1 - this.#lastShare));
    const last = order.subarray(order.length - count);
    if (last.length < count || held.times[last[0]!]! < this.#latestDropped) {
      throw new Error(`the last ${count} predictions lie further apart than ${blockRows} from the order of their times`);
    }
    return { late: Array.from(last, (i) => held.late[i] === 1), probabilities: Array.from(last, (i) => held.probabilities[i]!) };
  }

  #forget(): void {
    // A block of slack, because predictions of several workers come nearly in order of time only.
    while (this.#full.length > 0 && this.#dropped + 2 * blockRows <= this.length * (1 - this.#lastShare)) {
      const { times } = this.#full.shift()!;
      this.#latestDropped = times.reduce((latest, time) => Math.max(latest, time), this.#latestDropped);
      this.#dropped += blockRows;
    }
  }

  #columns(): { readonly times: Int32Array; readonly late: Uint8Array; readonly probabilities: Float32Array } {
    const length = this.length - this.#dropped;
    const all = { times: new Int32Array(length), late: new Uint8Array(length), probabilities: new Float32Array(length) };
    let at = 0;
    for (const { times, late, probabilities, rows } of [...this.#full, this.#last]) {
      all.times.set(times.subarray(0, rows), at);
      all.late.set(late.subarray(0, rows), at);
      all.probabilities.set(probabilities.subarray(0, rows), at);
      at += rows;
    }
    return all;
  }
}

class Block {
  readonly bytes: Uint8Array;
  readonly times: Int32Array;
  readonly probabilities: Float32Array;
  readonly late: Uint8Array;
  readonly #head: Uint32Array;

  constructor(room: number, bytes: Uint8Array = new Uint8Array(headBytes + rowBytes * room)) {
    this.bytes = bytes;
    this.#head = new Uint32Array(bytes.buffer, 0, 2);
    this.#head[0] = version;
    this.times = new Int32Array(bytes.buffer, headBytes, room);
    this.probabilities = new Float32Array(bytes.buffer, headBytes + 4 * room, room);
    this.late = new Uint8Array(bytes.buffer, headBytes + 8 * room, room);
  }

  /** A block of its own of what a checkpoint holds. */
  static of(held: Uint8Array): Block {
    const bytes = new Uint8Array(held);
    const [found, rows] = new Uint32Array(bytes.buffer, 0, 2);
    if (found !== version || bytes.length !== headBytes + rowBytes * rows!) throw new Error(`predictions: state of version ${found}, ${version} is read`);
    return new Block(rows!, bytes);
  }

  get rows(): number {
    return this.#head[1]!;
  }

  add(time: number, late: boolean, probability: number): void {
    const row = this.#head[1]!++;
    this.times[row] = time;
    this.late[row] = late ? 1 : 0;
    this.probabilities[row] = probability;
  }

  /** A block that holds the rows so far and has no room for more. */
  cut(): Uint8Array {
    const { rows } = this;
    const block = new Block(rows);
    block.#head[1] = rows;
    block.times.set(this.times.subarray(0, rows));
    block.late.set(this.late.subarray(0, rows));
    block.probabilities.set(this.probabilities.subarray(0, rows));
    return block.bytes;
  }
}
