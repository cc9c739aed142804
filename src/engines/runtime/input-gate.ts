import { frameKind } from '../../memory/frame.js';
import type { ChannelReader } from '../../memory/channel.js';
import type { Gate } from './gate.js';
import { LaneMerge, mergedLane, type LaneSource, type MergedLane } from './lane-merge.js';
import type { Item } from './operator-driver.js';

/** One channel into a subtask. `reader` is undefined where the upstream subtask had ended before this one was deployed. */
export interface GateChannel extends LaneSource {
  readonly reader: ChannelReader | undefined;
}

interface Lane extends GateChannel, MergedLane {
  /** Its barrier of the cut being aligned has come: not read until the others' have. */
  blocked: boolean;
}

/**
 * Merges the channels of a subtask into one sequence: round robin over data, alignment of barriers; see {@link LaneMerge}.
 *
 * ```
 * channel a  ─ d d B1 ░░░░░░ d ─┐            a is blocked from its barrier on,
 * channel b  ─ d d d d d B1 d ──┼─► head     until b's has come too: B1 goes to the head
 * channel c  ─ d end ───────────┘            ended channels do not count
 * ```
 */
export class InputGate implements Gate {
  readonly #lanes: Lane[];
  readonly #merge: LaneMerge<Lane>;
  readonly #deliver: (item: Item) => void;
  #next = 0;
  #unreleased: ChannelReader | undefined;
  #aligning: { readonly cut: number; readonly stop: boolean } | undefined;
  /** Barriers up to this cut are done with or aborted. */
  #decided: number;

  constructor(channels: readonly GateChannel[], deliver: (item: Item) => void, decided = -1) {
    this.#decided = decided;
    this.#lanes = channels.map((channel) => ({ ...mergedLane(channel), blocked: false }));
    this.#deliver = deliver;
    // A barrier that waited for this channel only lies before the end of the input.
    this.#merge = new LaneMerge(this.#lanes, deliver, (lane) => {
      lane.blocked = false;
      this.#alignIfAll();
    });
  }

  start(): void {
    for (const lane of this.#lanes) if (lane.reader === undefined) this.#merge.end(lane);
  }

  get channelCount(): number {
    return this.#lanes.length;
  }

  get allEnded(): boolean {
    return this.#merge.allEnded;
  }

  take(): boolean {
    const { length } = this.#lanes;
    for (let tried = 0; tried < length; tried++) {
      const lane = this.#lanes[this.#next] as Lane;
      this.#next = this.#next + 1 === length ? 0 : this.#next + 1;
      if (lane.blocked || lane.ended || lane.reader === undefined) continue;
      const frame = lane.reader.tryRead();
      if (frame === undefined) continue;
      this.#unreleased = lane.reader;
      if (frame.kind === frameKind.barrier) this.#barrier(lane, frame.number, frame.flags === 1);
      else this.#merge.accept(lane, frame);
      return true;
    }
    return false;
  }

  release(): void {
    this.#unreleased?.release(1);
    this.#unreleased = undefined;
  }

  abort(cut: number): void {
    this.#decided = Math.max(this.#decided, cut);
    if (this.#aligning?.cut === cut) this.#unblock();
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
