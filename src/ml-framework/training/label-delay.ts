import { MillraceError } from '../../core/index.js';
import { rowView, t, withColumns, type RecordBatch, type Schema } from '../../memory/index.js';
import { showRecord } from '../../stream/show-record.js';
import type { Output, Snapshot, StateChunk, Subtask, SubtaskContext } from '../../stream/subtask.js';
import { BadRows, type BadRowOptions } from './bad-rows.js';
import { batchToBytes, bytesToBatch } from './batch-state.js';
import { HeldWatermarks } from './held-watermarks.js';
import { RowStore } from './row-store.js';
import { delayedSchema, orderColumn, phase, phaseColumn } from './step-batch.js';
import { TimeHeap } from './time-heap.js';

/** When the label of a row is known: a column of times, or a function that gives ms since the epoch or a Date. */
export type LabelTime = string | ((row: never) => number | Date);

export interface LabelDelayOptions extends BadRowOptions {
  readonly name: string;
  readonly schema: Schema;
  readonly batchSize: number;
  readonly labelKnownAt: LabelTime;
  /** A prediction waits at most this long for its step to fill, ms of processing time. */
  readonly maxDelayMs: number;
}

const labelTimeColumn = 'millrace_label_time';
const isPredictedColumn = 'millrace_predicted';

/**
 * Sends each record twice: to be predicted at its event time, and to be learned when its label is known.
 *
 * Both happen in one order of event time, which only the watermark releases. That order is cut into steps: exactly
 * `batchSize` records to be learned, behind all records to be predicted before the last of them is known.
 *
 * ```
 * event time    p1  p2  p3  l1  p4  l3  l2  p5 …        batchSize 2:  [p1 p2 p3 p4 | l1 l3]  [p5 … | l2 …]
 * ```
 * So a prediction is made before anything later is learned, in its own step; the order number of the step lets the
 * parameter servers keep that across workers.
 */
export class LabelDelay implements Subtask {
  readonly makesWatermarks = true;
  readonly #options: LabelDelayOptions;
  readonly #schema: Schema;
  /** Rows in the store: the stream's columns and the label's time. */
  readonly #storeSchema: Schema;
  readonly #badRows: BadRows;
  readonly #store = new RowStore();
  readonly #toPredict = new TimeHeap();
  readonly #toLearn = new TimeHeap();
  readonly #watermarks = new HeldWatermarks();
  /** Rows of the step that is being filled, in order. */
  #predict: number[] = [];
  #learn: number[] = [];
  #released = 0;
  #emitted = 0;
  #order = 0;
  #timerAt = Infinity;
  #context!: SubtaskContext;
  #output!: Output;

  constructor(options: LabelDelayOptions) {
    this.#options = options;
    this.#badRows = new BadRows(options);
    this.#schema = delayedSchema(options.schema);
    this.#storeSchema = { ...options.schema, [labelTimeColumn]: t.float64() };
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    this.#output = context.output();
    this.#badRows.open(context);
    for (const { bytes } of restored) this.#restore(bytes);
  }

  process(received: RecordBatch): void {
    const batch = this.#badRows.takeOut(received);
    const { times } = batch;
    if (times === undefined) {
      throw new MillraceError('GRAPH_INVALID', `${this.#options.name}: labelKnownAt needs event time; give the source { time: … }`);
    }
    const labelTimes = this.#labelTimesOf(batch, times);
    const from = this.#store.add(withColumns(batch.retain(), this.#storeSchema, { [labelTimeColumn]: labelTimes }));
    for (let i = 0; i < batch.length; i++) {
      this.#toPredict.push(times[i]!, from + i);
      this.#toLearn.push(labelTimes[i]!, from + i);
    }
  }

  advance(watermark: number): void {
    this.#releaseUntil(watermark);
    this.#watermarks.add(watermark, this.#released);
    this.#passWatermarks();
    this.#setTimer();
  }

  onProcessingTime(timeMs: number): void {
    if (timeMs < this.#timerAt) return;
    this.#timerAt = Infinity;
    // The step goes out without its labels; they wait for the next one.
    if (this.#predict.length > 0) this.#emit(this.#predict, []);
    this.#predict = [];
    this.#passWatermarks();
  }

  endOfInput(): void {
    this.#releaseUntil(Infinity);
    if (this.#predict.length + this.#learn.length > 0) this.#emit(this.#predict, this.#learn);
    this.#predict = [];
    this.#learn = [];
    this.#passWatermarks();
  }

  freeze(): Snapshot {
    const state = this.#state();
    return {
      *parts() {
        yield { keyGroup: -1, bytes: state };
      },
    };
  }

  #labelTimesOf(batch: RecordBatch, times: Float64Array): Float64Array {
    const { labelKnownAt, name } = this.#options;
    const knownAt = labelTimeReader(batch, labelKnownAt);
    const labelTimes = new Float64Array(batch.length);
    for (let i = 0; i < batch.length; i++) {
      const time = knownAt(i);
      if (!(time > -Infinity && time < Infinity)) {
        const what = typeof labelKnownAt === 'string' ? `column '${labelKnownAt}'` : 'labelKnownAt';
        throw new MillraceError('USER_FUNCTION', `${name}: ${what} gave ${String(time)} for ${showRecord(batch.row(i))}; it must be a time`, {
          details: { row: i },
        });
      }
      // Nothing is learned before it was predicted.
      labelTimes[i] = Math.max(time, times[i]!);
    }
    return labelTimes;
  }

  /** Moves what the watermark covers into steps, in the order of event time; at one time predictions come first. */
  #releaseUntil(watermark: number): void {
    const { batchSize } = this.#options;
    for (;;) {
      const predictAt = this.#toPredict.earliest;
      const learnAt = this.#toLearn.earliest;
      if (Math.min(predictAt, learnAt) > watermark || this.#toPredict.size + this.#toLearn.size === 0) return;
      this.#released++;
      if (predictAt <= learnAt) this.#predict.push(this.#toPredict.pop());
      else this.#learn.push(this.#toLearn.pop());
      if (this.#learn.length < batchSize && this.#predict.length < 2 * batchSize) continue;
      // Without labels to learn yet, predictions do not wait for them.
      const isFull = this.#learn.length === batchSize;
      this.#emit(this.#predict, isFull ? this.#learn : []);
      this.#predict = [];
      if (isFull) this.#learn = [];
    }
  }

  #emit(predict: readonly number[], learn: readonly number[]): void {
    const rows = new Float64Array(predict.length + learn.length);
    rows.set(predict);
    rows.set(learn, predict.length);
    const phases = new Uint8Array(rows.length).fill(phase.learn, predict.length);
    const orders = new Float64Array(rows.length).fill(this.#order++);
    this.#output.emit(withColumns(this.#store.gather(rows), this.#schema, { [phaseColumn]: phases, [orderColumn]: orders }));
    this.#emitted += rows.length;
    this.#store.release(rows.subarray(predict.length));
  }

  /** Order of the next step (float64), then the rows not learned yet with their label's time and whether they were predicted. */
  #state(): Uint8Array {
    const rows = Float64Array.from([...this.#learn, ...this.#toLearn.rows()]).sort();
    const waiting = new Set([...this.#predict, ...this.#toPredict.rows()]);
    const isPredicted = Uint8Array.from(rows, (row) => (waiting.has(row) ? 0 : 1));
    const batch = rows.length === 0 ? undefined : withColumns(this.#store.gather(rows), this.#stateSchema, { [isPredictedColumn]: isPredicted });
    const encoded = batch === undefined ? new Uint8Array() : batchToBytes(batch);
    const bytes = new Uint8Array(8 + encoded.length);
    new DataView(bytes.buffer).setFloat64(0, this.#order, true);
    bytes.set(encoded, 8);
    return bytes;
  }

  #restore(bytes: Uint8Array): void {
    this.#order = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
    if (bytes.length === 8) return;
    const batch = bytesToBatch(bytes.subarray(8), this.#stateSchema);
    const isPredicted = batch.column(isPredictedColumn);
    const labelTimes = batch.column(labelTimeColumn);
    const from = this.#store.add(withColumns(batch, this.#storeSchema, {}));
    for (let i = 0; i < batch.length; i++) {
      if (isPredicted.get(i) === 0) this.#toPredict.push(batch.times![i]!, from + i);
      this.#toLearn.push(labelTimes.get(i) as number, from + i);
    }
  }

  get #stateSchema(): Schema {
    return { ...this.#storeSchema, [isPredictedColumn]: t.uint8() };
  }

  #passWatermarks(): void {
    const watermark = this.#watermarks.take(this.#emitted);
    if (watermark !== undefined) this.#output.emitWatermark(watermark);
  }

  #setTimer(): void {
    if (this.#predict.length === 0 || this.#timerAt !== Infinity) return;
    this.#timerAt = this.#context.clock.now() + this.#options.maxDelayMs;
    this.#context.setProcessingTimer(this.#timerAt);
  }
}

/** Label times of a batch by row, ms; NaN where there is none. */
function labelTimeReader(batch: RecordBatch, labelKnownAt: LabelTime): (row: number) => number {
  const toMs = (time: unknown): number => (time instanceof Date ? time.getTime() : typeof time === 'number' ? time : Number.NaN);
  if (typeof labelKnownAt === 'function') {
    const view = rowView(batch);
    return (row) => toMs(labelKnownAt(view.at(row) as never));
  }
  const column = batch.column(labelKnownAt);
  const { values } = column;
  if (values instanceof Float64Array && column.nullCount === 0) return (row) => values[row]!;
  return (row) => toMs(column.get(row));
}
