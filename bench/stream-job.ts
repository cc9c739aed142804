import { batchFromColumns, t } from '../src/memory/index.js';
import {
  count,
  defineJob,
  float64,
  mean,
  tumbling,
  type Output,
  type SinkConnector,
  type SourceConnector,
  type SourceSubtask,
  type StateChunk,
  type Subtask,
  type SubtaskContext,
} from '../src/stream/index.js';

/** The data of the bench: rows made by index, so that a loop and a job have the same. */
export const rowSchema = { at: t.timestamp(), origin: t.string(), delay: t.int32() };
export const windowMs = 3 * 3_600_000;

const origins = Array.from({ length: 350 }, (_, i) => String.fromCharCode(65 + (i % 26), 65 + (Math.floor(i / 26) % 26), 65 + ((i * 7) % 26)));
const startMs = Date.UTC(2001, 0, 1);
const stepMs = 5_000;

export const timeOf = (index: number): number => startMs + index * stepMs;
export const originOf = (index: number): string => origins[(Math.imul(index, 2_654_435_761) >>> 8) % origins.length] as string;
export const delayOf = (index: number): number => ((Math.imul(index, 1_597_334_677) >>> 8) % 200) - 30;

const batchRows = 4_096;

/** Emits columns, as a Parquet file would. Each subtask makes its share of every stretch of rows. */
class Columns implements SourceSubtask {
  #context!: SubtaskContext;
  #output!: Output;
  #next = 0;

  constructor(private readonly rows: number) {}

  open(context: SubtaskContext, _restored: readonly StateChunk[]): void {
    this.#context = context;
    this.#output = context.output();
    this.#next = context.index;
  }

  read(): { readonly next: 'more' | 'end' } {
    if (this.#next === this.#context.index) this.#context.report('started', Date.now());
    const from = this.#next * batchRows;
    if (from >= this.rows) return { next: 'end' };
    this.#next += this.#context.parallelism;
    const length = Math.min(batchRows, this.rows - from);
    const times = new Float64Array(length);
    const delay = new Int32Array(length);
    const origin = new Array<string>(length);
    for (let i = 0; i < length; i++) {
      times[i] = timeOf(from + i);
      delay[i] = delayOf(from + i);
      origin[i] = originOf(from + i);
    }
    this.#output.emit(batchFromColumns(rowSchema, { at: times, origin, delay }));
    return { next: 'more' };
  }
}

function columns(rows: number): SourceConnector<{ at: Date; origin: string; delay: number }> {
  return { name: 'columns', schema: rowSchema, boundedness: 'bounded', maxParallelism: undefined, notes: [`${rows} rows`], create: () => new Columns(rows) };
}

/** Counts what arrives, and says so at the end. */
class Counter implements Subtask {
  #context!: SubtaskContext;
  #rows = 0;

  open(context: SubtaskContext): void {
    this.#context = context;
  }

  process(batch: { readonly length: number }): void {
    this.#rows += batch.length;
  }

  endOfInput(): void {
    this.#context.report('ended', { at: Date.now(), rows: this.#rows });
  }
}

const counter: SinkConnector<unknown> = { name: 'counter', maxParallelism: undefined, notes: [], create: () => new Counter() };

export default defineJob({
  name: 'bench-stream',
  params: { rows: t.int32() },
  build: ({ params, source }) => {
    source(columns(params.rows), { time: 'at' })
      .with({ minutes: float64(({ delay }) => delay / 60) })
      .keyBy('origin')
      .window(tumbling(windowMs))
      .summarize({ flights: count(), mean: mean('minutes') })
      .to(counter);
  },
});
