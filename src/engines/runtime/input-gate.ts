import { MillraceError } from '../../core/errors.js';
import { frameKind, type Frame } from '../../memory/frame.js';
import type { ChannelReader } from '../../memory/channel.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Item } from './operator-driver.js';

/** One channel into a subtask. `reader` is undefined where the upstream subtask had ended before this one was deployed. */
export interface GateChannel {
  readonly input: number;
  readonly reader: ChannelReader | undefined;
  readonly decode: (payload: Uint8Array) => RecordBatch;
}

interface Lane extends GateChannel {
  watermark: number;
  idle: boolean;
  ended: boolean;
  passes: number;
  /** Its barrier of the cut being aligned has come: not read until the others' have. */
  blocked: boolean;
}

/**
 * Merges the channels of a subtask into one sequence: round robin over data, the minimum over watermarks and passes,
 * alignment of barriers.
 *
 * ```
 * channel a  ─ d d B1 ░░░░░░ d ─┐            a is blocked from its barrier on,
 * channel b  ─ d d d d d B1 d ──┼─► head     until b's has come too: B1 goes to the head
 * channel c  ─ d end ───────────┘            ended channels do not count
 * ```
 */
export class InputGate {
  readonly #lanes: Lane[];
  readonly #deliver: (item: Item) => void;
  #next = 0;
  #unreleased: ChannelReader | undefined;
  #watermark = -Infinity;
  #idle = false;
  #passes = 0;
  #aligning: { readonly cut: number; readonly stop: boolean } | undefined;
  /** Barriers up to this cut are done with or aborted. */
  #decided = -1;

  constructor(channels: readonly GateChannel[], deliver: (item: Item) => void) {
    this.#lanes = channels.map((channel) => ({ ...channel, watermark: -Infinity, idle: false, ended: false, passes: 0, blocked: false }));
    this.#deliver = deliver;
  }

  /** Channels whose upstream ended before this deployment end now. */
  start(): void {
    for (const lane of this.#lanes) if (lane.reader === undefined) this.#end(lane);
  }

  get channelCount(): number {
    return this.#lanes.length;
  }

  get allEnded(): boolean {
    return this.#lanes.every((lane) => lane.ended);
  }

  /** Takes one frame and delivers what follows from it. Its memory stays valid until {@link release}. @returns false where there is none */
  take(): boolean {
    const { length } = this.#lanes;
    for (let tried = 0; tried < length; tried++) {
      const lane = this.#lanes[this.#next] as Lane;
      this.#next = this.#next + 1 === length ? 0 : this.#next + 1;
      if (lane.blocked || lane.ended || lane.reader === undefined) continue;
      const frame = lane.reader.tryRead();
      if (frame === undefined) continue;
      this.#unreleased = lane.reader;
      this.#accept(lane, frame);
      return true;
    }
    return false;
  }

  /** Gives the memory of the last taken frame back to its producer. */
  release(): void {
    this.#unreleased?.release(1);
    this.#unreleased = undefined;
  }

  /** The cut will not be: whoever waits for its barriers goes on. */
  abort(cut: number): void {
    this.#decided = Math.max(this.#decided, cut);
    if (this.#aligning?.cut === cut) this.#unblock();
  }

  #accept(lane: Lane, frame: Frame): void {
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
      case frameKind.barrier:
        this.#barrier(lane, frame.number, frame.flags === 1);
        return;
      case frameKind.endOfInput:
        this.#end(lane);
        return;
      default:
        throw new MillraceError('PROTOCOL', `a channel carried a frame of unknown kind ${String(frame.kind)}`);
    }
  }

  #activate(lane: Lane): void {
    lane.idle = false;
    this.#mergeTime();
  }

  /** An idle channel does not hold time back; where all are idle, time stands still. */
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

  #end(lane: Lane): void {
    lane.ended = true;
    lane.blocked = false;
    this.#mergePasses();
    this.#mergeTime();
    if (this.#lanes.some((other) => other.input === lane.input && !other.ended)) {
      this.#alignIfAll();
      return;
    }
    const last = this.allEnded;
    // A barrier that waited for this channel only lies before the end of the input.
    this.#alignIfAll();
    this.#deliver({ kind: 'endOfInput', input: lane.input, last });
  }

  #barrier(lane: Lane, cut: number, stop: boolean): void {
    if (cut <= this.#decided) return;
    if (this.#aligning !== undefined && this.#aligning.cut !== cut) this.#unblock();
    this.#aligning ??= { cut, stop };
    lane.blocked = true;
    this.#alignIfAll();
  }

  #alignIfAll(): void {
    const cut = this.#aligning;
    if (cut === undefined || this.#lanes.some((lane) => !lane.ended && !lane.blocked)) return;
    this.#decided = cut.cut;
    this.#unblock();
    this.#deliver({ kind: 'barrier', ...cut });
  }

  #unblock(): void {
    this.#aligning = undefined;
    for (const lane of this.#lanes) lane.blocked = false;
  }
}
