import { batchFromColumns, t } from '../src/memory/index.js';
import { defineJob, type SinkConnector, type Subtask, type SubtaskContext } from '../src/stream/index.js';
import { repeated } from './repeated-source.js';

const schema = { payload: t.bytes() };
export const batchRows = 1_000;

/** What the sink reports when it has all. */
export interface Counted {
  readonly rows: number;
  /** When it had a fifth, and when it had all; ms since 1970. */
  readonly fifthAt: number;
  readonly allAt: number;
}

class Count implements Subtask {
  #context!: SubtaskContext;
  #rows = 0;
  #fifthAt = 0;

  constructor(private readonly total: number) {}

  open(context: SubtaskContext): void {
    this.#context = context;
  }

  process(batch: { readonly length: number }): void {
    const before = this.#rows;
    this.#rows += batch.length;
    if (before < this.total / 5 && this.#rows >= this.total / 5) this.#fifthAt = Date.now();
  }

  endOfInput(): void {
    this.#context.report('counted', { rows: this.#rows, fifthAt: this.#fifthAt, allAt: Date.now() } satisfies Counted);
  }
}

const count = (rows: number): SinkConnector<unknown> => ({ name: 'count', maxParallelism: undefined, notes: [], create: () => new Count(rows) });

/**
 * source -> identity map, a call for each record -> sink, at parallelism 1. `apart`: each in a subtask of its own, with an exchange
 * between them; else one chain, as operators have that cannot differ in parallelism.
 */
export default defineJob({
  name: 'identity',
  params: { batches: t.int32(), bytes: t.int32(), apart: t.bool() },
  build: ({ params: { batches, bytes, apart }, source }) => {
    const payload = Array.from({ length: batchRows }, () => new Uint8Array(bytes));
    const rows = source(repeated({ schema, make: () => batchFromColumns(schema, { payload }), distinct: 4, count: batches, maxParallelism: undefined }));
    const mapped = (apart ? rows.rebalance() : rows).map(schema, (row) => row);
    (apart ? mapped.rebalance() : mapped).to(count(batches * batchRows));
  },
});
