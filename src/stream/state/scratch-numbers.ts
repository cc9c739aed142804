/** Memory for numbers that are needed during one snapshot, used again for the next one: fresh memory costs more than what is written into it. */
export class ScratchNumbers {
  #memory = new Float64Array(0);
  #taken = 0;

  /** What was taken before is of no use any more. */
  clear(): void {
    // Next time all that was needed this time is there; until then pieces of their own.
    if (this.#taken > this.#memory.length) this.#memory = new Float64Array(Math.ceil(this.#taken * 1.25));
    this.#taken = 0;
  }

  /** Integers; hold what they held. */
  takeIntegers(length: number): Int32Array {
    const memory = this.take(Math.ceil(length / 2));
    return new Int32Array(memory.buffer, memory.byteOffset, length);
  }

  /** Holds what it held. */
  take(length: number): Float64Array {
    const from = this.#taken;
    this.#taken += length;
    return this.#taken > this.#memory.length ? new Float64Array(length) : this.#memory.subarray(from, this.#taken);
  }
}
