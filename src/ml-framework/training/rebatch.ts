import { concatBatches, type RecordBatch, type Schema } from '../../memory/index.js';
import type { Output, Snapshot, StateChunk, Subtask, SubtaskContext } from '../../stream/subtask.js';
import { batchToBytes, bytesToBatch } from './batch-state.js';
import { BadRows, type BadRowOptions } from './bad-rows.js';
import { HeldWatermarks } from './held-watermarks.js';

export interface RebatchOptions extends BadRowOptions {
  readonly schema: Schema;
  readonly batchSize: number;
  /** Batches that leave together: one for each member of a round. Default 1. */
  readonly together?: (context: SubtaskContext) => number;
}

/**
 * Makes batches of exactly `batchSize` rows; the last one may be smaller. Rows that do not fill a batch yet are state, so
 * a cut neither splits a batch nor loses a row.
 *
 * In rounds, batches leave a round at a time: no cut falls between the batches of one. So rounds are made of the same
 * batches wherever the cuts lie, and training gives the same weights, bit by bit, with restarts and without.
 */
export class Rebatch implements Subtask {
  readonly makesWatermarks = true;
  readonly #options: RebatchOptions;
  readonly #badRows: BadRows;
  readonly #watermarks = new HeldWatermarks();
  #output!: Output;
  #together = 1;
  /** Rows not yet emitted, oldest first. */
  #rows: RecordBatch[] = [];
  #held = 0;
  #received = 0;

  constructor(options: RebatchOptions) {
    this.#options = options;
    this.#badRows = new BadRows(options);
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#output = context.output();
    this.#together = this.#options.together?.(context) ?? 1;
    this.#badRows.open(context);
    for (const { bytes } of restored) this.#add(bytesToBatch(bytes, this.#options.schema));
  }

  process(received: RecordBatch): void {
    this.#add(this.#badRows.takeOut(received));
    const { batchSize } = this.#options;
    while (this.#held >= batchSize * this.#together) for (let i = 0; i < this.#together; i++) this.#emit(batchSize);
    // What is left lies in memory of the channel.
    this.#rows = this.#rows.map((rows) => rows.retain());
    this.#passWatermarks();
  }

  advance(watermark: number): void {
    this.#watermarks.add(watermark, this.#received);
    this.#passWatermarks();
  }

  endOfInput(): void {
    while (this.#held > 0) this.#emit(Math.min(this.#options.batchSize, this.#held));
    this.#passWatermarks();
  }

  freeze(): Snapshot {
    const rows = [...this.#rows];
    return {
      *parts() {
        for (const batch of rows) yield { keyGroup: -1, bytes: batchToBytes(batch) };
      },
    };
  }

  #add(batch: RecordBatch): void {
    if (batch.length === 0) return;
    this.#rows.push(batch);
    this.#held += batch.length;
    this.#received += batch.length;
  }

  /** The oldest `count` rows as one batch. */
  #emit(count: number): void {
    const parts: RecordBatch[] = [];
    for (let missing = count; missing > 0;) {
      const first = this.#rows[0]!;
      const taken = Math.min(missing, first.length);
      parts.push(taken === first.length ? first : first.slice(0, taken));
      if (taken === first.length) this.#rows.shift();
      else this.#rows[0] = first.slice(taken, first.length);
      missing -= taken;
    }
    this.#held -= count;
    this.#output.emit(parts.length === 1 ? parts[0]! : concatBatches(parts));
  }

  #passWatermarks(): void {
    const watermark = this.#watermarks.take(this.#received - this.#held);
    if (watermark !== undefined) this.#output.emitWatermark(watermark);
  }
}
