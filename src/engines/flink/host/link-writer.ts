import type { NamingWriter } from '../../../memory/channel.js';
import { frameKind, type FrameKind, type FrameName } from '../../../memory/frame.js';
import type { RingOut } from './host-rings.js';
import type { Link } from './link.js';
import type { PassedBarriers } from './passed-barriers.js';
import { referenceBytes, writeReference } from './ring-reference.js';
import { headerBytes, largestRecordBytes, linkKind, referenceKind } from './wire.js';

/** Where in the encoding of a batch its number of rows lies (memory/batch-encoding.ts). */
const rowsAt = 8;

/** A name on the wire: `position * 65536 + frames`, so that a later one is a larger number; 0 for none. */
const framesPerPosition = 2 ** 16;

/** Small batches of a slow reader would lie there for minutes, and barriers behind them. */
const mostFrames = 32;

export interface LinkLane {
  readonly link: Link;
  readonly barriers: PassedBarriers;
  readonly place: { readonly edge: number; readonly target: number; readonly from: number };
  /** Number of the newest record that predecessors have sent here; 0 for none. Default 0. */
  readonly named?: number | undefined;
  /** To the target, where it is in this host. */
  readonly ring?: (() => RingOut | undefined) | undefined;
  /** Is told that the ring has no room: its reader rings when there is. */
  readonly onFull?: (() => void) | undefined;
}

/** The way to one downstream subtask along one edge: frames become records of Flink that name their target. */
export class LinkWriter implements NamingWriter {
  readonly maxPayloadBytes = largestRecordBytes - headerBytes;
  /** Lanes cut batches to a quarter of it. */
  readonly capacityBytes = largestRecordBytes;
  readonly #lane: LinkLane;
  /** The last barrier that this lane has reached. */
  #barrier = -1;
  #named: FrameName | undefined;

  constructor(lane: LinkLane) {
    const { named = 0 } = lane;
    if (named > 0) this.#named = { position: Math.floor(named / framesPerPosition), frames: named % framesPerPosition };
    this.#lane = lane;
  }

  /** The socket takes what comes: it is bytes in the end, here or there. A ring takes another frame or two where it is half full, or has many. */
  get isFull(): boolean {
    const { link, ring, onFull } = this.#lane;
    if (!link.hasRoom) return true;
    const near = ring?.();
    if (near === undefined || !isHalfFull(near)) return false;
    onFull?.();
    return true;
  }

  get named(): FrameName | undefined {
    return this.#named;
  }

  get usedBytes(): number {
    return this.#lane.link.bufferedBytes + (this.#lane.ring?.()?.writer.usedBytes ?? 0);
  }

  tryWrite(
    kind: FrameKind,
    options: {
      readonly flags?: number;
      readonly number?: number;
      readonly payloadBytes?: number;
      readonly fill?: (payload: Uint8Array) => void;
      readonly name?: FrameName;
    } = {},
  ): boolean {
    const { link, barriers, place } = this.#lane;
    if (this.#barrier > barriers.decided) return false;
    if (kind === frameKind.barrier) return this.#reach(options.number ?? 0);
    const { flags = 0, number = 0, payloadBytes = 0, fill, name } = options;
    if (kind === frameKind.data) return this.#data(payloadBytes, fill, name);
    // The byte of a frame's flags holds its kind here; only idle has a flag, and no number.
    link.send({ ...place, kind: linkKind.data, flags: kind, number: kind === frameKind.idle ? flags : number });
    return true;
  }

  #data(payloadBytes: number, fill: ((payload: Uint8Array) => void) | undefined, name: FrameName | undefined): boolean {
    const { link, place, ring } = this.#lane;
    const number = name === undefined ? 0 : name.position * framesPerPosition + name.frames;
    const header = { ...place, kind: linkKind.data, flags: frameKind.data as number, rows: 0, number };
    const fillPayload = (payload: Uint8Array): void => {
      fill?.(payload);
      // Only now is it known what the batch says of itself.
      header.rows = new DataView(payload.buffer, payload.byteOffset).getUint32(rowsAt, true);
    };
    const near = ring?.();
    if (near !== undefined && payloadBytes <= near.writer.maxPayloadBytes) {
      const sequence = near.writer.writtenFrames;
      if (!near.writer.tryWrite(frameKind.data, { payloadBytes, fill: fillPayload })) {
        this.#lane.onFull?.();
        return false;
      }
      header.flags = referenceKind;
      link.send(header, referenceBytes, (payload) => writeReference(payload, { ring: near.id, sequence }));
    } else link.send(header, payloadBytes, fillPayload);
    if (name !== undefined) this.#named = name;
    return true;
  }

  #reach(cut: number): boolean {
    // One that was held back while an operator declined the cut.
    if (cut <= this.#lane.barriers.decided) return true;
    this.#barrier = cut;
    this.#lane.barriers.reached(cut);
    return true;
  }
}

function isHalfFull({ writer }: RingOut): boolean {
  return writer.usedBytes * 2 > writer.capacityBytes || writer.usedFrames >= mostFrames;
}
