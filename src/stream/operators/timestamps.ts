import { MillraceError } from '../../core/errors.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Output, Snapshot, StateChunk, Subtask, SubtaskContext } from '../subtask.js';
import { eventTimesOf, type TimeSelector } from '../time/event-times.js';

export interface TimestampsOptions {
  readonly time: TimeSelector;
  /** How far behind the newest record others may come; the watermark trails by this and one ms. */
  readonly outOfOrdernessMs: number;
  /** After this long without a record the stream is idle and holds no watermark back; undefined: never. */
  readonly idleMs: number | undefined;
}

const stateVersion = 1;

/**
 * Gives rows their event time and makes watermarks: after each batch `newest time - outOfOrderness - 1`, if that rose.
 * Watermarks from upstream end here, except the one at the end of input.
 *
 * State: the newest time seen, as one chunk that any subtask may get. After a restore to fewer subtasks the oldest of the
 * given ones counts, so that nothing becomes late that would not have been.
 */
export class TimestampsAndWatermarks implements Subtask {
  readonly makesWatermarks = true;
  readonly #options: TimestampsOptions;
  #context!: SubtaskContext;
  #output!: Output;
  #newest = -Infinity;
  #lastBatchAt = 0;
  #isIdle = false;

  constructor(options: TimestampsOptions) {
    this.#options = options;
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    this.#output = context.output();
    if (restored.length > 0) this.#newest = Math.min(...restored.map((chunk) => decodeNewest(chunk.bytes, context.operator.name)));
    this.#lastBatchAt = context.clock.now();
    this.#watchForIdleness();
  }

  process(batch: RecordBatch): void {
    if (batch.length === 0) return;
    const { time, outOfOrdernessMs, idleMs } = this.#options;
    const times = eventTimesOf(batch, time, this.#context.operator.name);
    if (idleMs !== undefined) this.#wakeUp();
    this.#output.emit(batch.withTimes(times));
    let newest = this.#newest;
    for (const value of times) if (value > newest) newest = value;
    if (newest === this.#newest) return;
    this.#newest = newest;
    this.#output.emitWatermark(newest - outOfOrdernessMs - 1);
  }

  onProcessingTime(timeMs: number): void {
    const { idleMs } = this.#options;
    if (idleMs === undefined || this.#isIdle) return;
    if (timeMs >= this.#lastBatchAt + idleMs) {
      this.#isIdle = true;
      this.#output.emitIdle(true);
    } else {
      this.#watchForIdleness();
    }
  }

  freeze(): Snapshot {
    const bytes = encodeNewest(this.#newest);
    return { parts: () => [{ keyGroup: -1, bytes }] };
  }

  #wakeUp(): void {
    this.#lastBatchAt = this.#context.clock.now();
    if (!this.#isIdle) return;
    this.#isIdle = false;
    this.#output.emitIdle(false);
    this.#watchForIdleness();
  }

  #watchForIdleness(): void {
    const { idleMs } = this.#options;
    if (idleMs !== undefined) this.#context.setProcessingTimer(this.#lastBatchAt + idleMs);
  }
}

function encodeNewest(newest: number): Uint8Array {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(stateVersion, 0);
  bytes.writeDoubleLE(newest, 1);
  return bytes;
}

function decodeNewest(bytes: Uint8Array, operator: string): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 9 && view.getUint8(0) === stateVersion) return view.getFloat64(1, true);
  throw new MillraceError('STATE_INVALID', `${operator}: its state is no newest event time of version ${stateVersion} (${bytes.length} bytes)`);
}
