import { readFrameNumber, writeFrameNumber } from '../../../memory/ring-memory.js';

/**
 * What crosses the socket between a subtask of Flink and its thread here; all little-endian. A DATA frame goes through Flink,
 * the same bytes from the Node that makes it to the Node that takes it;
 * where that is the same host, the batch itself stays there, and where it lies goes through Flink.
 *
 * ```
 * 0        4      5       6       8        12      16      20               28
 * +--------+------+-------+-------+--------+-------+-------+----------------+---------
 * | length | kind | flags | edge  | target | from  | rows  | number         | payload
 * | u32    | u8   | u8    | u16   | i32    | i32   | i32   | i64            |
 * +--------+------+-------+-------+--------+-------+-------+----------------+---------
 *          '----------------------- length bytes, the record -----------------------'
 * ```
 * | of DATA | meaning                                                                             |
 * |---------|-------------------------------------------------------------------------------------|
 * | flags   | the frame's own kind (memory/frame.ts): a batch, or a mark that travels with them;   |
 * |         | 64: payload says where a batch lies (ring-reference.ts)                              |
 * | edge    | of the job graph                                                                    |
 * | target  | downstream subtask that it is for                                                   |
 * | from    | subtask that it comes from                                                          |
 * | rows    | of the batch, for Flink's counts; 0 for marks                                        |
 * | number  | of the mark: event time, passes, 1 for idle; of a batch: its name, see link-writer.ts |
 */
export const protocolVersion = 2;

/** In the place of a frame's own kind: a batch of this host. */
export const referenceKind = 64;

export const linkKind = Object.freeze({
  /** Java to Node. Payload: JSON, see open-request.ts. */
  open: 1,
  /** target: key group or -1; payload: a chunk, see chunk-wire.ts. */
  state: 2,
  start: 3,
  data: 4,
  /** number: the checkpoint. Before it lies all that was sent before it. */
  barrier: 5,
  complete: 6,
  aborted: 7,
  /** All of `edge` has ended, also lanes that have not said so in band. */
  endInput: 8,
  /** flags 1: the subtask has finished. */
  close: 9,
  /** number: the request; payload: the value. */
  found: 10,
  drain: 11,

  /** Node to Java. Payload: JSON. */
  ready: 32,
  /** number: event time, for Flink's pages only. */
  watermark: 33,
  /** number: how many DATA frames have been taken and their outputs handed over. */
  ack: 34,
  /** number: the checkpoint; what was sent before lies before its barrier, what follows behind it. */
  passed: 35,
  /** target, payload: as STATE; number: the checkpoint. */
  snapshot: 36,
  snapshotDone: 37,
  committed: 38,
  /** The subtask has ended and sent all it had. A barrier after this gets the state of its last cut. */
  finished: 39,
  metrics: 40,
  publish: 41,
  lookup: 42,
  error: 43,
  log: 44,
  /** number: the checkpoint that will not be; its barrier passes all the same. */
  declined: 45,
  closed: 46,
  /** flags 1: it waits for room in a ring of the host, most of the time; 0: no more. */
  backpressured: 47,
} as const);

export const headerBytes = 24;
/** The largest frame of data: Java holds one of each channel until it is whole. */
export const largestRecordBytes = 4 * 1024 * 1024;
/** A guard against a peer that is out of step; chunks of state may be large. */
export const largestFrameBytes = 1 << 30;

const lengthBytes = 4;
/** What stands before a payload. */
export const prefixBytes = lengthBytes + headerBytes;
/** A frame in memory of its own: the payload starts at a multiple of 64, so that columns and tensors can be views of it. */
const payloadAt = 64;
const frameAt = payloadAt - prefixBytes;

export interface FrameHeader {
  readonly kind: number;
  readonly flags?: number;
  readonly edge?: number;
  readonly target?: number;
  readonly from?: number;
  readonly rows?: number;
  readonly number?: number;
}

/** Memory for one frame, to be filled in pieces or at once. */
export class FrameMemory {
  /** Bytes of payload that it has room for. */
  readonly capacity: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #words: Int32Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    // Zeros would be written for nothing.
    this.#bytes = Buffer.allocUnsafeSlow(payloadAt + capacity + prefixBytes);
    this.#words = new Int32Array(this.#bytes.buffer, 0, payloadAt / 4);
  }

  payload(payloadBytes: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, payloadAt, payloadBytes);
  }

  /** Where the rest of a payload is read to, and behind it the prefix of the next frame. */
  rest(filled: number, payloadBytes: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, payloadAt + filled, payloadBytes - filled + prefixBytes);
  }

  /** Length, header and payload: what goes over the socket. */
  frame(payloadBytes: number): Uint8Array {
    return this.#bytes.subarray(frameAt, payloadAt + payloadBytes);
  }

  writeHeader({ kind, flags = 0, edge = 0, target = 0, from = 0, rows = 0, number = 0 }: FrameHeader, payloadBytes: number): void {
    const words = this.#words;
    words[9] = headerBytes + payloadBytes;
    words[10] = kind | (flags << 8) | (edge << 16);
    words[11] = target;
    words[12] = from;
    words[13] = rows;
    writeFrameNumber(words, 7, number);
  }

  get header(): Required<FrameHeader> {
    const words = this.#words;
    const first = words[10] as number;
    return {
      kind: first & 0xff,
      flags: (first >>> 8) & 0xff,
      edge: first >>> 16,
      target: words[11] as number,
      from: words[12] as number,
      rows: words[13] as number,
      number: readFrameNumber(words, 7),
    };
  }
}

/** A frame that has come. Its payload is valid until it is released. */
export interface LinkFrame extends Required<FrameHeader> {
  readonly payload: Uint8Array;
  /** Gives its memory back; once. */
  release(): void;
}
