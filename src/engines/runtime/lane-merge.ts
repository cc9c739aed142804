import { MillraceError } from '../../core/errors.js';
import type { RecordBatch } from '../../memory/batch.js';
import { frameKind, type Frame } from '../../memory/frame.js';
import type { Item } from './operator-driver.js';

/** What comes from one upstream subtask along one edge. */
export interface LaneSource {
  /** Which input of the head it belongs to. */
  readonly input: number;
  readonly decode: (payload: Uint8Array) => RecordBatch;
}

/** One lane, and how far it has come. */
export interface MergedLane extends LaneSource {
  watermark: number;
  idle: boolean;
  ended: boolean;
  passes: number;
}

/**
 * Makes one sequence of what comes by several lanes: records as they come, the minimum over watermarks and passes, idleness
 * of all, the end of each input.
 *
 * ```
 * lane a  w5 d d d end ─┐
 * lane b  d w3 d d w9 ──┼─► d d w3 d … w9      an idle lane does not hold time back,
 * lane c  d idle ───────┘                      an ended one counts no more
 * ```
 * Barriers are not its concern: engines align them in different ways.
 */
export class LaneMerge<L extends MergedLane = MergedLane> {
  readonly #lanes: readonly L[];
  readonly #deliver: (item: Item) => void;
  readonly #laneEnded: (lane: L) => void;
  #watermark = -Infinity;
  #idle = false;
  #passes = 0;

  /** @param laneEnded is told of the end of a lane before the end of its input is delivered */
  constructor(lanes: readonly L[], deliver: (item: Item) => void, laneEnded: (lane: L) => void = () => undefined) {
    this.#lanes = lanes;
    this.#deliver = deliver;
    this.#laneEnded = laneEnded;
  }

  get allEnded(): boolean {
    return this.#lanes.every((lane) => lane.ended);
  }

  /** Delivers what follows from a frame that is no barrier. @throws PROTOCOL for a kind that it does not know */
  accept(lane: L, frame: Pick<Frame, 'kind' | 'flags' | 'number' | 'payload'>): void {
    switch (frame.kind) {
      case frameKind.data:
        if (lane.idle) this.#activate(lane);
        this.#deliver({ kind: 'batch', batch: lane.decode(frame.payload), input: lane.input });
        return;
      case frameKind.watermark:
        lane.idle = false;
        lane.watermark = Math.max(lane.watermark, frame.number);
        this.#mergeTime();
        return;
      case frameKind.idle:
        lane.idle = frame.flags === 1;
        this.#mergeTime();
        return;
      case frameKind.endOfPass:
        lane.passes = frame.number;
        this.#mergePasses();
        return;
      case frameKind.endOfInput:
        this.end(lane);
        return;
      default:
        throw new MillraceError('PROTOCOL', `a channel carried a frame of unknown kind ${String(frame.kind)}`);
    }
  }

  /** Nothing follows on this lane. */
  end(lane: L): void {
    lane.ended = true;
    this.#mergePasses();
    this.#mergeTime();
    const isLastOfInput = !this.#lanes.some((other) => other.input === lane.input && !other.ended);
    // What follows from the end of this lane may end others.
    const last = this.allEnded;
    this.#laneEnded(lane);
    if (isLastOfInput) this.#deliver({ kind: 'endOfInput', input: lane.input, last });
  }

  #activate(lane: L): void {
    lane.idle = false;
    this.#mergeTime();
  }

  /** An idle lane does not hold time back; where all are idle, time stands still. */
  #mergeTime(): void {
    const active = this.#lanes.filter((lane) => !lane.idle && !lane.ended);
    const idle = active.length === 0 && !this.allEnded;
    if (!idle) {
      const watermark = active.reduce((least, lane) => Math.min(least, lane.watermark), Infinity);
      // Time goes on before idleness ends, so that nobody downstream waits for an old watermark.
      if (watermark > this.#watermark) {
        this.#watermark = watermark;
        this.#deliver({ kind: 'watermark', watermark });
      }
    }
    if (idle !== this.#idle) {
      this.#idle = idle;
      this.#deliver({ kind: 'idle', idle });
    }
  }

  #mergePasses(): void {
    const passes = this.#lanes.reduce((least, lane) => (lane.ended ? least : Math.min(least, lane.passes)), Infinity);
    if (passes === Infinity || passes <= this.#passes) return;
    this.#passes = passes;
    this.#deliver({ kind: 'endOfPass', passes });
  }
}

export function mergedLane<S extends LaneSource>(source: S): S & MergedLane {
  return { ...source, watermark: -Infinity, idle: false, ended: false, passes: 0 };
}
