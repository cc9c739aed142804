import type { NamingWriter } from '../../../memory/channel.js';
import { frameKind, type FrameKind, type FrameName } from '../../../memory/frame.js';
import type { Link } from './link.js';
import type { PassedBarriers } from './passed-barriers.js';
import { headerBytes, largestRecordBytes, linkKind } from './wire.js';

/** Where in the encoding of a batch its number of rows lies (memory/batch-encoding.ts). */
const rowsAt = 8;

/** A name on the wire: `position * 65536 + frames`, so that a later one is a larger number; 0 for none. */
const framesPerPosition = 2 ** 16;

/** The way to one downstream subtask along one edge: frames become records of Flink that name their target. */
export class LinkWriter implements NamingWriter {
  readonly maxPayloadBytes = largestRecordBytes - headerBytes;
  /** Lanes cut batches to a quarter of it. */
  readonly capacityBytes = largestRecordBytes;
  readonly #link: Link;
  readonly #barriers: PassedBarriers;
  readonly #place: { readonly edge: number; readonly target: number; readonly from: number };
  /** The last barrier that this lane has reached. */
  #barrier = -1;
  #named: FrameName | undefined;

  /** @param named number of the newest record that predecessors have sent here; 0 for none */
  constructor(link: Link, barriers: PassedBarriers, place: { readonly edge: number; readonly target: number; readonly from: number }, named = 0) {
    if (named > 0) this.#named = { position: Math.floor(named / framesPerPosition), frames: named % framesPerPosition };
    this.#link = link;
    this.#barriers = barriers;
    this.#place = place;
  }

  /** The socket takes what comes: it is bytes in the end, here or there. */
  get isFull(): boolean {
    return !this.#link.hasRoom;
  }

  get named(): FrameName | undefined {
    return this.#named;
  }

  get usedBytes(): number {
    return this.#link.bufferedBytes;
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
    if (this.#barrier > this.#barriers.decided) return false;
    if (kind === frameKind.barrier) return this.#reach(options.number ?? 0);
    const { flags = 0, number = 0, payloadBytes = 0, fill, name } = options;
    if (kind === frameKind.data) this.#data(payloadBytes, fill, name);
    // The byte of a frame's flags holds its kind here; only idle has a flag, and no number.
    else this.#link.send({ ...this.#place, kind: linkKind.data, flags: kind, number: kind === frameKind.idle ? flags : number });
    return true;
  }

  #data(payloadBytes: number, fill: ((payload: Uint8Array) => void) | undefined, name: FrameName | undefined): void {
    const number = name === undefined ? 0 : name.position * framesPerPosition + name.frames;
    const header = { ...this.#place, kind: linkKind.data, flags: frameKind.data, rows: 0, number };
    this.#link.send(header, payloadBytes, (payload) => {
      fill?.(payload);
      // Only now is it known what the batch says of itself.
      header.rows = new DataView(payload.buffer, payload.byteOffset).getUint32(rowsAt, true);
    });
    if (name !== undefined) this.#named = name;
  }

  #reach(cut: number): boolean {
    // One that was held back while an operator declined the cut.
    if (cut <= this.#barriers.decided) return true;
    this.#barrier = cut;
    this.#barriers.reached(cut);
    return true;
  }
}
