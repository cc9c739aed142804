import type { RecordBatch } from '../memory/batch.js';
import { makeRowBatch } from './gatherer.js';
import type { Schema } from '../memory/schema.js';
import { MillraceError } from '../core/errors.js';
import type { SourceRuntimeOptions } from '../stream/connector.js';
import type { ReadResult, Snapshot, SourceSubtask, StateChunk, SubtaskContext } from '../stream/subtask.js';
import { decodeChunk, encodeChunk } from './state-chunk.js';

/** Rows by index: a list, or a function. */
export interface IndexedRows {
  readonly schema: Schema | undefined;
  /** Rows of a pass; Infinity for one without end. */
  readonly count: number;
  /** Over all subtasks; undefined: as fast as it goes. */
  readonly rowsPerSecond: number | undefined;
  make(index: number): unknown;
}

/** The rows index, index + lanes, index + 2 lanes, ...: the unit that a snapshot stores and a subtask owns. */
interface Lane {
  readonly lane: number;
  pass: number;
  next: number;
}

const stateVersion = 1;
const endPauseMs = 60_000;
/** Rows that come due within this time are emitted together. */
const paceMs = 20;

/**
 * A source over rows that are found by their index. Index i belongs to lane i mod (number of key groups), and lanes go to
 * subtasks as key groups do, so any parallelism can go on where another stopped. One subtask emits its rows in index order.
 */
export class IndexedSource implements SourceSubtask {
  readonly #rows: IndexedRows;
  readonly #options: SourceRuntimeOptions;
  #context!: SubtaskContext;
  /** By (pass, next); the first one is next. */
  #lanes: Lane[] = [];
  #stride = 1;
  #announced = 0;
  #draining = false;
  #startedAtMs = 0;
  #paced = 0;

  constructor(rows: IndexedRows, options: SourceRuntimeOptions) {
    this.#rows = rows;
    this.#options = options;
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    const { from, to, total } = context.keyGroups;
    this.#context = context;
    this.#stride = total;
    const known = new Map(restored.map((chunk) => [chunk.keyGroup, decodeChunk(stateVersion, chunk, context.operator.name) as Lane]));
    for (let lane = from; lane < to; lane++) this.#lanes.push(known.get(lane) ?? { lane, pass: 0, next: lane });
    for (const lane of this.#lanes) this.#skipEnded(lane);
    this.#lanes.sort((a, b) => a.pass - b.pass || a.next - b.next);
    this.#startedAtMs = context.clock.now();
  }

  read(): ReadResult {
    this.#announcePasses();
    const first = this.#lanes[0];
    if (this.#draining || first === undefined || first.pass >= this.#options.passes) return { next: 'end' };
    const { due, waitMs } = this.#due();
    if (due === 0) return { next: 'wait', afterMs: waitMs };
    this.#context.output().emit(this.#take(Math.min(due, this.#options.batchRows), first.pass));
    this.#announcePasses();
    return { next: 'more' };
  }

  drain(): void {
    this.#draining = true;
    this.#context.wake();
  }

  freeze(): Snapshot {
    const lanes = this.#lanes.map((lane) => ({ ...lane }));
    return { parts: () => lanes.map((lane) => encodeChunk(stateVersion, lane, lane.lane)) };
  }

  /** Up to `limit` rows of one pass. */
  #take(limit: number, pass: number): RecordBatch {
    const rows: unknown[] = [];
    for (let lane = this.#lanes[0]; lane !== undefined && lane.pass === pass && rows.length < limit; lane = this.#lanes[0]) {
      rows.push(this.#make(lane.next));
      lane.next += this.#stride;
      this.#skipEnded(lane);
      this.#reorder(lane);
    }
    this.#paced += rows.length;
    return makeRowBatch(this.#rows.schema, rows);
  }

  #make(index: number): unknown {
    try {
      return this.#rows.make(index);
    } catch (thrown) {
      throw new MillraceError(
        'USER_FUNCTION',
        `${this.#context.operator.name}: the function that makes rows threw at index ${index}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        {
          details: { operator: this.#context.operator.uid, index },
          cause: thrown,
        },
      );
    }
  }

  /** Moves a lane that has no more rows in this pass to the next; a lane without any row has all passes behind it. */
  #skipEnded(lane: Lane): void {
    if (lane.next < this.#rows.count) return;
    lane.pass = lane.lane < this.#rows.count ? lane.pass + 1 : this.#options.passes;
    lane.next = lane.lane;
  }

  /** The first lane goes back to its place: the end, unless lanes of subtasks that were at different rows have met here. */
  #reorder(lane: Lane): void {
    const lanes = this.#lanes;
    lanes.shift();
    let at = lanes.length;
    for (
      let before = lanes[at - 1];
      before !== undefined && (before.pass > lane.pass || (before.pass === lane.pass && before.next > lane.next));
      before = lanes[at - 1]
    )
      at--;
    if (at === lanes.length) lanes.push(lane);
    else lanes.splice(at, 0, lane);
  }

  /** Rows that the rate allows now, and otherwise how long to wait for some. */
  #due(): { readonly due: number; readonly waitMs: number } {
    const { rowsPerSecond } = this.#rows;
    if (rowsPerSecond === undefined) return { due: Infinity, waitMs: endPauseMs };
    const share = rowsPerSecond / this.#context.parallelism;
    const elapsedMs = this.#context.clock.now() - this.#startedAtMs;
    const due = Math.floor((elapsedMs * share) / 1000) - this.#paced;
    if (due > 0) return { due, waitMs: 0 };
    return { due: 0, waitMs: Math.max(paceMs, ((this.#paced + 1) * 1000) / share - elapsedMs) };
  }

  #announcePasses(): void {
    const passes = this.#lanes[0]?.pass ?? 0;
    if (passes <= this.#announced) return;
    this.#announced = passes;
    this.#context.output().endOfPass(passes);
  }
}
