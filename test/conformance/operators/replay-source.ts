import { BatchBuilder, type RecordBatch } from '../../../src/memory/index.js';
import type { Schema } from '../../../src/memory/schema.js';
import type { Output, ReadResult, Snapshot, SourceSubtask, StateChunk, SubtaskContext } from '../../../src/stream/subtask.js';
import type { Event, Row } from './operator-case.js';

export interface ReplayOptions {
  readonly events: readonly Event[];
  readonly schema: Schema | undefined;
  /** The event before which it stands still until it is restored; undefined: never. */
  readonly gateAt: number | undefined;
}

/** Channel on which each subtask reports that it stands at the gate. */
export const gateChannel = 'gate';

/**
 * Replays events. Rows between two watermarks are one batch; the subtasks take batches in turn, and each emits every
 * watermark. At the gate all have the same position, so that a cut there can be restored at any parallelism.
 */
export class ReplaySource implements SourceSubtask {
  readonly #options: ReplayOptions;
  #context!: SubtaskContext;
  #output!: Output;
  /** The next event. */
  #next = 0;
  #isThroughGate = false;
  #isAtGate = false;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    this.#output = context.output();
    this.#isThroughGate = context.isRestored;
    const positions = new Set(restored.map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset).getInt32(0)));
    if (positions.size > 1) throw new Error(`restored in the middle of ${[...positions].join(' and ')}: the cut was not at the gate`);
    for (const position of positions) this.#next = position;
  }

  read(): ReadResult {
    const { events, gateAt } = this.#options;
    const event = events[this.#next];
    if (event === undefined) return { next: 'end' };
    if (this.#next === gateAt && !this.#isThroughGate) {
      if (!this.#isAtGate) this.#context.report(gateChannel, this.#context.index);
      this.#isAtGate = true;
      return { next: 'wait', afterMs: 60_000 };
    }
    if ('row' in event) this.#emitRows();
    else {
      this.#next++;
      this.#output.emitWatermark(event.watermark);
    }
    return { next: 'more' };
  }

  freeze(): Snapshot {
    const { from, to } = this.#context.keyGroups;
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, this.#next);
    const chunks = Array.from({ length: to - from }, (_, i) => ({ keyGroup: from + i, bytes: bytes.slice() }));
    return { parts: () => chunks };
  }

  /** Rows up to the next watermark or gate. */
  #emitRows(): void {
    const { events, gateAt } = this.#options;
    const start = this.#next;
    const rows: Row[] = [];
    for (let event = events[start]; event !== undefined && 'row' in event; event = events[this.#next]) {
      rows.push(event.row);
      if (++this.#next === gateAt) break;
    }
    if (start % this.#context.parallelism === this.#context.index) this.#output.emit(this.#batch(rows));
  }

  #batch(rows: readonly Row[]): RecordBatch {
    const builder = new BatchBuilder<unknown>(this.#options.schema, rows.length);
    for (const row of rows) builder.append(row, row.at.getTime());
    return builder.finish() as RecordBatch;
  }
}
