import type { FrameKind, Frame, FrameName } from './frame.js';

/**
 * A one-way channel between two subtasks: frames in order, one producer, one consumer. Two kinds are meant: a ring on a
 * SharedArrayBuffer between threads and a framed socket with credits between processes.
 *
 * Nothing here blocks: `tryX` answers at once, and a caller that got nothing waits on its thread's {@link Doorbell}.
 */
export interface ChannelWriter {
  /** Largest payload that fits, in bytes. */
  readonly maxPayloadBytes: number;
  /**
   * Writes one frame, whole or not at all. `fill` gets the payload memory (64-byte aligned, `payloadBytes` long) and
   * must fill it before it returns.
   * @returns false where the channel is full: wait for the doorbell, then try again
   * @throws RECORD_TOO_LARGE where the payload can never fit
   */
  tryWrite(
    kind: FrameKind,
    options?: {
      readonly flags?: number;
      readonly number?: number;
      readonly payloadBytes?: number;
      readonly fill?: (payload: Uint8Array) => void;
      /** For the producer's successor; see {@link NamingWriter}. */
      readonly name?: FrameName;
    },
  ): boolean;
  /** Bytes written and not yet released by the consumer. */
  readonly usedBytes: number;
  readonly capacityBytes: number;
  /**
   * True where the channel would rather take nothing for now, though it takes what has been made already: to hold that
   * elsewhere would cost a copy. Absent: tryWrite says it all.
   */
  readonly isFull?: boolean;
}

export interface ChannelReader {
  /**
   * Takes the next frame, or undefined where there is none. The frame stays in the channel until it is released; a
   * consumer that dies in between leaves it for its successor, which starts at the released position.
   */
  tryRead(): Frame | undefined;
  /** Releases the oldest `count` frames read and not yet released; their payload memory is the producer's again. */
  release(count: number): void;
  /** Frames ever released. */
  readonly releasedFrames: number;
  readonly usedBytes: number;
}

/** A writer whose successor can know what is in the channel. */
export interface NamingWriter extends ChannelWriter {
  /** Name of the newest frame that has one, also where a predecessor wrote it; undefined before the first. */
  readonly named: FrameName | undefined;
}

/** A reader whose frames have numbers. */
export interface NumberedReader extends ChannelReader {
  /** Number of the frame that was read last, from 0: a successor that gets it again sees the same one. */
  readonly sequence: number;
}

/**
 * What one thread sleeps on. Every channel rings the doorbell of its consumer after a write and of its producer after a
 * release; a ring costs one atomic load unless the thread sleeps.
 */
export interface Doorbell {
  /** Number of rings so far: read it *before* looking for work, so that no ring is lost. */
  readonly epoch: number;
  /** Resolves when the epoch has moved on from `seen`, or after `timeoutMs`. The event loop stays free. */
  wait(seen: number, timeoutMs: number): Promise<void>;
  ring(): void;
}
