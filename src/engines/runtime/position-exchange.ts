import type { RecordBatch } from '../../memory/batch.js';
import { ExchangeWriter } from './exchange-writer.js';
import type { Lane } from './lane.js';

/** Batches in turn, of a subtask that may be replaced: what a batch leads to goes the same way when it is given again. */
export class PositionExchange extends ExchangeWriter {
  readonly #position: () => number;

  /** @param position of the batch that is being processed */
  constructor(lanes: readonly Lane[], columns: readonly string[] | undefined, position: () => number) {
    super(lanes, columns);
    this.#position = position;
  }

  protected override route(batch: RecordBatch): void {
    (this.lanes[this.#position() % this.lanes.length] as Lane).data(batch);
  }
}
