import { MillraceError } from '../../../core/errors.js';
import type { Gate } from '../../runtime/gate.js';
import type { HeldInputs } from '../../runtime/held-inputs.js';
import type { HeldReader } from '../../runtime/held-reader.js';
import { LaneMerge, mergedLane, type LaneSource, type MergedLane } from '../../runtime/lane-merge.js';
import type { Item } from '../../runtime/operator-driver.js';
import { LinkReader, recordFrame } from './link-reader.js';
import { linkKind, type LinkFrame } from './wire.js';

/** Where the subtask may be replaced: frames are acknowledged when its operator says so, and not when they have been taken. */
export interface HeldLane {
  readonly inputs: HeldInputs;
  /** Frames that predecessors have acknowledged. */
  readonly released: number;
}

/** One edge into a subtask. */
export interface GateEdge extends LaneSource {
  readonly edge: number;
  /** Upstream subtasks; one where `only` names it. */
  readonly channels: number;
  /** The one upstream subtask of a forward edge. */
  readonly only: number | undefined;
}

/**
 * What comes from Flink, in one line: Flink has merged the channels and aligned the barriers; marks are merged here, by the lane
 * that they came on.
 *
 * ```
 * socket ─► [ data a:0 │ data a:1 │ mark a:0 │ BARRIER │ data b:0 │ END_INPUT a ] ─► take ─► LaneMerge ─► head
 *             └ acknowledged when released: the credit for the next one
 * ```
 */
export class LinkGate implements Gate {
  readonly #lanes = new Map<number, { readonly only: number | undefined; readonly lanes: readonly MergedLane[] }>();
  readonly #merge: LaneMerge;
  readonly #deliver: (item: Item) => void;
  readonly #acknowledge: (sent?: () => void) => void;
  readonly #queue: LinkFrame[] = [];
  readonly #held: { readonly from: LinkReader; readonly reader: HeldReader } | undefined;
  #unreleased: LinkFrame | undefined;

  /** @param acknowledge is called for each frame of data that has been released */
  constructor(edges: readonly GateEdge[], deliver: (item: Item) => void, acknowledge: (sent?: () => void) => void, held?: HeldLane) {
    for (const { edge, channels, only, ...source } of edges)
      this.#lanes.set(edge, { only, lanes: Array.from({ length: only === undefined ? channels : 1 }, () => mergedLane(source)) });
    this.#merge = new LaneMerge(
      [...this.#lanes.values()].flatMap(({ lanes }) => lanes),
      deliver,
    );
    this.#deliver = deliver;
    this.#acknowledge = acknowledge;
    if (held === undefined) return;
    const from = new LinkReader(held.released, acknowledge);
    this.#held = { from, reader: held.inputs.add(from) };
  }

  start(): void {}

  get channelCount(): number {
    return [...this.#lanes.values()].reduce((sum, { lanes }) => sum + lanes.length, 0);
  }

  get allEnded(): boolean {
    return this.#merge.allEnded;
  }

  reads(edge: number): boolean {
    return this.#lanes.has(edge);
  }

  /** A DATA, BARRIER or END_INPUT frame has come. */
  push(frame: LinkFrame): void {
    this.#queue.push(frame);
  }

  take(): boolean {
    const frame = this.#queue.shift();
    if (frame === undefined) return false;
    const isData = frame.kind === linkKind.data;
    if (isData && this.#held !== undefined) {
      this.#held.from.push(frame);
      this.#held.reader.tryRead();
    } else this.#unreleased = frame;
    if (isData) this.#data(frame);
    else if (frame.kind === linkKind.barrier) this.#deliver({ kind: 'barrier', cut: frame.number, stop: frame.flags === 1 });
    else this.#endOf(frame.edge);
    return true;
  }

  release(): void {
    this.#held?.reader.release();
    const frame = this.#unreleased;
    if (frame === undefined) return;
    this.#unreleased = undefined;
    frame.release();
    if (frame.kind === linkKind.data) this.#acknowledge();
  }

  /** Flink waits for nobody else: there is nothing to go on with. */
  abort(): void {}

  /** Takes out what waits; for a subtask that has ended and takes nothing more. */
  takeRest(): LinkFrame[] {
    return this.#queue.splice(0);
  }

  #data(frame: LinkFrame): void {
    const { edge, from } = frame;
    const known = this.#lanes.get(edge);
    const lane = known?.only === undefined ? known?.lanes[from] : from === known.only ? known.lanes[0] : undefined;
    if (lane === undefined || lane.ended)
      throw new MillraceError(
        'PROTOCOL',
        `Flink sent data of edge ${edge} from subtask ${from}, which ${lane === undefined ? 'does not feed this one' : 'had ended'}`,
      );
    this.#merge.accept(lane, recordFrame(frame));
  }

  #endOf(edge: number): void {
    for (const lane of this.#lanes.get(edge)?.lanes ?? []) if (!lane.ended) this.#merge.end(lane);
  }
}
