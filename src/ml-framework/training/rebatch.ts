import { concatBatches, type RecordBatch, type Schema } from '../../memory/index.js';
import type { Output, Snapshot, StateChunk, Subtask, SubtaskContext } from '../../stream/subtask.js';
import { batchToBytes, bytesToBatch } from './batch-state.js';
import { BadRows, type BadRowOptions } from './bad-rows.js';
import { HeldWatermarks } from './held-watermarks.js';

export interface RebatchOptions extends BadRowOptions {
  readonly schema: Schema;
  readonly batchSize: number;
}

/**
 * Makes batches of exactly `batchSize` rows; the last one may be smaller. Rows that do not fill a batch yet are state, so
 * a cut neither splits a batch nor loses a row.
 */
export class Rebatch implements Subtask {
  readonly makesWatermarks = true;
  readonly #schema: Schema;
  readonly #batchSize: number;
  readonly #badRows: BadRows;
  readonly #watermarks = new HeldWatermarks();
  #output!: Output;
  #rows: RecordBatch[] = [];
  #held = 0;
  #received = 0;

  constructor(options: RebatchOptions) {
    this.#schema = options.schema;
    this.#batchSize = options.batchSize;
    this.#badRows = new BadRows(options);
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#output = context.output();
    this.#badRows.open(context);
    for (const { bytes } of restored) this.#add(bytesToBatch(bytes, this.#schema));
  }

  process(received: RecordBatch): void {
    const batch = this.#badRows.takeOut(received);
    let from = 0;
    while (this.#held + batch.length - from >= this.#batchSize) {
      const to = from + this.#batchSize - this.#held;
      this.#add(batch.slice(from, to));
      this.#emit();
      from = to;
    }
    if (from < batch.length) this.#add(batch.slice(from, batch.length).retain());
    this.#passWatermarks();
  }

  advance(watermark: number): void {
    this.#watermarks.add(watermark, this.#received);
    this.#passWatermarks();
  }

  endOfInput(): void {
    if (this.#held > 0) this.#emit();
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
    this.#rows.push(batch);
    this.#held += batch.length;
    this.#received += batch.length;
  }

  #emit(): void {
    this.#output.emit(this.#rows.length === 1 ? this.#rows[0]! : concatBatches(this.#rows));
    this.#rows = [];
    this.#held = 0;
  }

  #passWatermarks(): void {
    const watermark = this.#watermarks.take(this.#received - this.#held);
    if (watermark !== undefined) this.#output.emitWatermark(watermark);
  }
}
