/**
 * What travels through a channel: a frame is one kind byte, a few small numbers and a payload.
 *
 * ```
 * ring slot            0        4     5      6       8                    16                    64
 *                      +--------+-----+------+-------+---------------------+--------------------+------------------+
 *                      | length | kind| flags| input | number (int64)      | reserved           | payload, 64-byte |
 *                      | u32    | u8  | u8   | u16   | watermark, barrier  |                    | aligned          |
 *                      +--------+-----+------+-------+---------------------+--------------------+------------------+
 * ```
 * Control frames travel in order with the data. The kind byte is extensible: a reader fails on a kind it does not know.
 */
export const frameKind = Object.freeze({
  /** A record batch; payload is its encoding. */
  data: 1,
  /** `number` is event time in ms; int64 maximum is the end of time, Infinity in the API. */
  watermark: 2,
  /** `number` is the cut's id. */
  barrier: 3,
  /** The input is idle (flags 1) or active again (flags 0): it does not hold the watermark back. */
  idle: 4,
  /** Nothing follows. */
  endOfInput: 5,
  /** `number` passes of the source are complete. */
  endOfPass: 6,
} as const);

export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

/**
 * What a frame of a producer that may be replaced was made of: the position of its input, and how many frames of that input
 * the channel holds up to this one. Its successor makes them again, and leaves out what is there.
 */
export interface FrameName {
  readonly position: number;
  readonly frames: number;
}

/** A frame as a reader sees it. `payload` lies in channel memory and is valid until the frame is released. */
export interface Frame {
  readonly kind: FrameKind;
  readonly flags: number;
  /** Infinity for int64 maximum. */
  readonly number: number;
  readonly payload: Uint8Array;
}
