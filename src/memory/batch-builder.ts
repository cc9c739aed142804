import { MillraceError } from '../core/errors.js';
import { ColumnBatch } from './column-batch.js';
import { columnBuilder, type ColumnBuilder } from './column-builder.js';
import { RowBatch } from './row-batch.js';
import { shapeOf, type RowWriter } from './row-shape.js';
import type { RecordBatch } from './batch.js';
import type { Schema } from './schema.js';

/** Collects rows into a batch: of columns where there is a schema, else of the very objects. */
export class BatchBuilder<R = Record<string, unknown>> {
  readonly #builders: readonly ColumnBuilder[];
  readonly #write: RowWriter | undefined;
  #rows: R[] = [];
  #times: Float64Array | undefined;
  /** Of the last batch, lent and given back. */
  #spareTimes: Float64Array | undefined;
  #length = 0;

  /** @param capacity rows to make room for; it grows */
  constructor(
    readonly schema: Schema | undefined,
    readonly capacity = 512,
  ) {
    this.#builders = Object.entries(schema ?? {}).map(([name, field]) => columnBuilder(field, name, capacity));
    this.#write = schema && shapeOf(schema).writer;
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Appends one row, whole or not at all; properties that are no columns are ignored.
   *
   * @param time event time in ms; given for every row or for none
   * @throws SCHEMA_MISMATCH naming column, row, value and type
   */
  append(row: R, time?: number): void {
    if (this.#length > 0 && (time === undefined) !== (this.#times === undefined)) {
      throw new MillraceError(
        'SCHEMA_MISMATCH',
        `row ${this.#length} ${time === undefined ? 'lacks' : 'has'} an event time and those before it do not agree; give every row of a batch one, or none`,
      );
    }
    if (this.#write === undefined) this.#rows.push(row);
    else this.#appendCells(this.#write, row);
    if (time !== undefined) this.#setTime(time);
    this.#length++;
  }

  #appendCells(write: RowWriter, row: R): void {
    try {
      write(this.#builders, row as Record<string, unknown>);
    } catch (error) {
      for (const builder of this.#builders) builder.truncate(this.#length);
      throw error;
    }
  }

  #setTime(time: number): void {
    this.#times ??= this.#spareTimes ?? new Float64Array(this.capacity);
    if (this.#length >= this.#times.length) {
      const larger = new Float64Array(Math.max(16, this.#length * 2));
      larger.set(this.#times);
      this.#times = larger;
    }
    this.#times[this.#length] = time;
  }

  /** The batch so far; the builder starts again empty. */
  finish(): RecordBatch<R> {
    this.#spareTimes = undefined;
    return this.#batch(true);
  }

  /**
   * Hands the batch so far to `use`, over memory of the builder, as a batch out of a channel is one over the channel's: fresh
   * memory for each batch costs more than filling it, and its collection more still. The builder starts again empty.
   *
   * @param use returns true where nobody reads the batch any more; else the memory is the batch's, and the builder takes fresh memory
   */
  lend(use: (batch: RecordBatch<R>) => boolean): void {
    const times = this.#times;
    const isBack = use(this.#batch(false));
    this.#spareTimes = isBack ? times : undefined;
    if (!isBack) for (const builder of this.#builders) builder.giveAway();
  }

  #batch(isOwned: boolean): RecordBatch<R> {
    const { schema } = this;
    const times = this.#times?.subarray(0, this.#length);
    // Objects are nobody's; the times of such a batch have no owner either, and are not lent.
    const batch =
      schema === undefined
        ? new RowBatch<R>(this.#rows, isOwned ? times : times?.slice())
        : new ColumnBatch<R>(
            schema,
            this.#length,
            this.#builders.map((builder) => (isOwned ? builder.finish() : builder.lend())),
            times,
            isOwned,
          );
    this.#rows = [];
    this.#times = undefined;
    this.#length = 0;
    return batch;
  }
}
