/**
 * Gathers the bytes of one chunk of state in memory that is used again for the next one: fresh memory costs more than what
 * is written into it. Every piece begins at a multiple of 8, so that numbers are written as arrays of their type.
 */
export class ByteWriter {
  #buffer = new ArrayBuffer(64 * 1024);
  #at = 0;

  /** Where the next piece begins. */
  get at(): number {
    return this.#at;
  }

  /** Forgets what was written from `at` on. */
  rewind(at = 0): void {
    this.#at = at;
  }

  /** Two words in one piece. */
  head(first: number, second: number): void {
    this.uint32(2).set([first, second]);
  }

  float64(length: number): Float64Array {
    const from = this.#take(8 * length);
    return new Float64Array(this.#buffer, from, length);
  }

  int32(length: number): Int32Array {
    const from = this.#take(4 * length);
    return new Int32Array(this.#buffer, from, length);
  }

  uint32(length: number): Uint32Array {
    const from = this.#take(4 * length);
    return new Uint32Array(this.#buffer, from, length);
  }

  /** A `Buffer`, so that text can be written into it. */
  bytes(length: number): Buffer {
    const from = this.#take(length);
    return Buffer.from(this.#buffer, from, length);
  }

  /** A copy of what was written since the start, alone in its buffer. */
  taken(): Uint8Array {
    // Slow is the name of a buffer of its own, in place of a part of a shared one; unlike slice(), it is not filled with zeros first.
    const { buffer } = Buffer.allocUnsafeSlow(this.#at);
    const copy = new Uint8Array(buffer);
    copy.set(new Uint8Array(this.#buffer, 0, this.#at));
    return copy;
  }

  /** Makes room; what earlier calls returned must not be used after the next one. */
  #take(bytes: number): number {
    const from = this.#at;
    this.#at += (bytes + 7) & ~7;
    if (this.#at > this.#buffer.byteLength) {
      const larger = new ArrayBuffer(Math.max(this.#at, 2 * this.#buffer.byteLength));
      new Uint8Array(larger).set(new Uint8Array(this.#buffer, 0, from));
      this.#buffer = larger;
    }
    // Padding would keep what was there before: equal states are to be equal bytes.
    if (this.#at > from) new Uint8Array(this.#buffer, this.#at - 8, 8).fill(0);
    return from;
  }
}

/** Reads back what a {@link ByteWriter} wrote. @throws RangeError where the bytes are cut off */
export class ByteReader {
  readonly #buffer: ArrayBuffer;
  #at = 0;

  /** Copies the bytes, so that they are aligned. */
  constructor(bytes: Uint8Array) {
    this.#buffer = new Uint8Array(bytes).buffer;
  }

  float64(length: number): Float64Array {
    return new Float64Array(this.#buffer, this.#take(8 * length), length);
  }

  int32(length: number): Int32Array {
    return new Int32Array(this.#buffer, this.#take(4 * length), length);
  }

  uint32(length: number): Uint32Array {
    return new Uint32Array(this.#buffer, this.#take(4 * length), length);
  }

  bytes(length: number): Buffer {
    return Buffer.from(this.#buffer, this.#take(length), length);
  }

  #take(bytes: number): number {
    const from = this.#at;
    this.#at += (bytes + 7) & ~7;
    return from;
  }
}
