import type { ChannelWriter } from '../../../memory/channel.js';
import { frameKind, type FrameKind } from '../../../memory/frame.js';
import type { Link } from './link.js';
import type { PassedBarriers } from './passed-barriers.js';
import { headerBytes, largestRecordBytes, linkKind } from './wire.js';

/** Where in the encoding of a batch its number of rows lies (memory/batch-encoding.ts). */
const rowsAt = 8;

/** The way to one downstream subtask along one edge: frames become records of Flink that name their target. */
export class LinkWriter implements ChannelWriter {
  readonly maxPayloadBytes = largestRecordBytes - headerBytes;
  /** Lanes cut batches to a quarter of it. */
  readonly capacityBytes = largestRecordBytes;
  readonly #link: Link;
  readonly #barriers: PassedBarriers;
  readonly #place: { readonly edge: number; readonly target: number; readonly from: number };
  /** The last barrier that this lane has reached. */
  #barrier = -1;

  constructor(link: Link, barriers: PassedBarriers, place: { readonly edge: number; readonly target: number; readonly from: number }) {
    this.#link = link;
    this.#barriers = barriers;
    this.#place = place;
  }

  /** The socket takes what comes: it is bytes in the end, here or there. */
  get isFull(): boolean {
    return !this.#link.hasRoom;
  }

  get usedBytes(): number {
    return this.#link.bufferedBytes;
  }

  tryWrite(
    kind: FrameKind,
    options: { readonly flags?: number; readonly number?: number; readonly payloadBytes?: number; readonly fill?: (payload: Uint8Array) => void } = {},
  ): boolean {
    if (this.#barrier > this.#barriers.decided) return false;
    if (kind === frameKind.barrier) return this.#reach(options.number ?? 0);
    const { flags = 0, number = 0, payloadBytes = 0, fill } = options;
    if (kind === frameKind.data) this.#data(payloadBytes, fill);
    // The byte of a frame's flags holds its kind here; only idle has a flag, and no number.
    else this.#link.send({ ...this.#place, kind: linkKind.data, flags: kind, number: kind === frameKind.idle ? flags : number });
    return true;
  }

  #data(payloadBytes: number, fill: ((payload: Uint8Array) => void) | undefined): void {
    const header = { ...this.#place, kind: linkKind.data, flags: frameKind.data, rows: 0 };
    this.#link.send(header, payloadBytes, (payload) => {
      fill?.(payload);
      // Only now is it known what the batch says of itself.
      header.rows = new DataView(payload.buffer, payload.byteOffset).getUint32(rowsAt, true);
    });
  }

  #reach(cut: number): boolean {
    // One that was held back while an operator declined the cut.
    if (cut <= this.#barriers.decided) return true;
    this.#barrier = cut;
    this.#barriers.reached(cut);
    return true;
  }
}
