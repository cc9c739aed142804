/** Lets a watermark out only after the rows that came before it. */
export class HeldWatermarks {
  /** Watermark, and how many rows must be out before it; ascending in both. */
  readonly #held: { readonly after: number; watermark: number }[] = [];

  /** @param after rows received so far */
  add(watermark: number, after: number): void {
    const last = this.#held.at(-1);
    if (last?.after === after) last.watermark = watermark;
    else this.#held.push({ after, watermark });
  }

  /** The highest watermark that may go out now that `emitted` rows are out. */
  take(emitted: number): number | undefined {
    let watermark: number | undefined;
    while (this.#held[0] !== undefined && this.#held[0].after <= emitted) watermark = this.#held.shift()!.watermark;
    return watermark;
  }
}
