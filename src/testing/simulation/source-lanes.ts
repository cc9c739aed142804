/** One batch of the simulated stream. */
export interface SimulatedBatch {
  readonly kind: 'batch';
  /** Place in the whole stream, from 0. */
  readonly order: number;
  readonly examples: number;
}

export type LaneItem = SimulatedBatch | { readonly kind: 'barrier'; readonly cut: number } | { readonly kind: 'end' };

/**
 * The ring in front of one worker: what was written and not yet released stays, for the successor of a dead worker.
 *
 * ```
 *  released ≤ read ≤ written
 * ```
 */
export class Lane {
  readonly #items: LaneItem[] = [];
  #waiting: (() => void) | undefined;
  /** Items ever released. */
  released = 0;
  /** Batches ever released: the position that the next batch follows. */
  releasedBatches = 0;
  /** The last barrier released. */
  barrier = 0;
  #read = 0;

  constructor(private readonly capacity: number) {}

  get isFull(): boolean {
    return this.#items.length - this.released >= this.capacity;
  }

  write(item: LaneItem): void {
    this.#items.push(item);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  /** A new reader begins at the released position. */
  rewind(): void {
    this.#read = this.released;
    this.#waiting = undefined;
  }

  async take(): Promise<LaneItem> {
    while (this.#read >= this.#items.length) await new Promise<void>((resolve) => (this.#waiting = resolve));
    return this.#items[this.#read++]!;
  }

  /** Releases the oldest item. */
  release(): void {
    const item = this.#items[this.released++]!;
    if (item.kind === 'batch') this.releasedBatches++;
    if (item.kind === 'barrier') this.barrier = item.cut;
  }
}
