/** Rows of one block, and bytes of each: time float64, probability float32, outcome u8. */
const blockRows = 16_384;
const rowBytes = 13;
const headBytes = 16;
const version = 1;

/**
 * Predictions in the order in which they came, in blocks of columns:
 *
 * ```
 * version u32 │ rows u32 │ 8 B │ times float64 × rows │ probabilities float32 × rows │ late u8 × rows
 * ```
 * A full block never changes, so a checkpoint takes it as it is: what a checkpoint costs does not grow with a copy of
 * everything since the start of the stream.
 */
export class Predictions {
  readonly #full: Block[] = [];
  #last = new Block(blockRows);

  get length(): number {
    return this.#full.length * blockRows + this.#last.rows;
  }

  add(time: number, late: boolean, probability: number): void {
    if (this.#last.rows === blockRows) {
      this.#full.push(this.#last);
      this.#last = new Block(blockRows);
    }
    this.#last.add(time, late, probability);
  }

  /** The blocks; the last one as a copy, because more comes into it. */
  snapshot(): Uint8Array[] {
    return [...this.#full.map(({ bytes }) => bytes), this.#last.cut()];
  }

  /** Adds the predictions of a block that snapshot() gave. */
  restore(bytes: Uint8Array): void {
    const { times, late, probabilities, rows } = Block.of(bytes);
    for (let i = 0; i < rows; i++) this.add(times[i]!, late[i] === 1, probabilities[i]!);
  }

  /** All of them, as columns. */
  columns(): { readonly times: Float64Array; readonly late: Uint8Array; readonly probabilities: Float32Array } {
    const { length } = this;
    const all = { times: new Float64Array(length), late: new Uint8Array(length), probabilities: new Float32Array(length) };
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
  readonly times: Float64Array;
  readonly probabilities: Float32Array;
  readonly late: Uint8Array;
  readonly #head: Uint32Array;

  constructor(room: number, bytes: Uint8Array = new Uint8Array(headBytes + rowBytes * room)) {
    this.bytes = bytes;
    this.#head = new Uint32Array(bytes.buffer, 0, 2);
    this.#head[0] = version;
    this.times = new Float64Array(bytes.buffer, headBytes, room);
    this.probabilities = new Float32Array(bytes.buffer, headBytes + 8 * room, room);
    this.late = new Uint8Array(bytes.buffer, headBytes + 12 * room, room);
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
