import { MillraceError } from '../core/errors.js';
import { createDoorbell, type DoorbellMemory } from './doorbell.js';
import { readInt64, writeInt64 } from './int64.js';

export interface RingOptions {
  /** Slots with their headers, in bytes; rounded up to a power of two. At least 1 KiB, at most 1 GiB. Default 4 MiB. */
  readonly capacityBytes?: number;
  /** Bell of the consuming thread; one of its own by default. */
  readonly consumerBell?: DoorbellMemory;
  /** Bell of the producing thread; one of its own by default. */
  readonly producerBell?: DoorbellMemory;
  /** Where counting begins: that of another ring whose frames go on here. Default 0 and 0. */
  readonly start?: { readonly units: number; readonly frames: number };
}

/**
 * The shared part of a ring: post it to both threads. One {@link RingWriter} and one {@link RingReader} may work on it
 * at a time.
 *
 * ```
 * byte 0       64-byte units ever written (int32, modulo 2^32)          written by the producer
 *      8       frames ever written (float64)                            written by the producer
 *      16, 40  name of a frame, twice, in turn: units written with it (int32), 1 (int32), position, frames (float64 each)
 *      128     64-byte units ever released (int32, modulo 2^32)         written by the consumer
 *      136     frames ever released (float64)                           written by the consumer
 *      256     slots: header as in frame.ts, payload, both in 64-byte units; a slot never wraps
 *
 *              released          read (private to the reader)    written
 *      ... free | unacknowledged | waiting                        | free ...
 * ```
 * Header bytes 16..24 hold the frame's sequence number (float64), so that a successor knows which frame it starts with, 24..40
 * its name (two float64, 0 for none).
 * A name counts where its frame was published: of the two, the newer one that was is the name of the newest named frame.
 * A slot of kind 0 fills the end of the ring where the next frame does not fit.
 */
export interface RingMemory {
  readonly buffer: SharedArrayBuffer;
  readonly consumerBell: DoorbellMemory;
  readonly producerBell: DoorbellMemory;
}

export const unitBytes = 64;
export const slotsAt = 256;
export const writtenCell = 0;
export const releasedCell = 32;
export const frameCountCell = 1;
export const releasedCountCell = 17;
/** Of the two places of names, in float64. */
export const nameCells: readonly [number, number] = [2, 5];
export const skipKind = 0;

const smallest = 1024;
const largest = 1 << 30;

/** @throws OPTION_INVALID */
export function createRing(options: RingOptions = {}): RingMemory {
  const asked = options.capacityBytes ?? 4 << 20;
  if (!Number.isInteger(asked) || asked < smallest || asked > largest) {
    throw new MillraceError('OPTION_INVALID', `ring: capacityBytes must be an integer from ${smallest} to ${largest} (got ${String(asked)})`, {
      details: { capacityBytes: asked },
    });
  }
  // A power of two keeps positions right when their counters wrap.
  const capacity = 2 ** Math.ceil(Math.log2(asked));
  const buffer = new SharedArrayBuffer(slotsAt + capacity);
  if (options.start !== undefined) {
    const cells = new Int32Array(buffer);
    cells[writtenCell] = cells[releasedCell] = options.start.units;
    const numbers = new Float64Array(buffer, 0, slotsAt / 8);
    numbers[frameCountCell] = numbers[releasedCountCell] = options.start.frames;
  }
  return {
    buffer,
    consumerBell: options.consumerBell ?? createDoorbell().memory,
    producerBell: options.producerBell ?? createDoorbell().memory,
  };
}

export function ringCapacityBytes(memory: RingMemory): number {
  return memory.buffer.byteLength - slotsAt;
}

/** True where all that was written has been released. */
export function isRingEmpty({ buffer }: RingMemory): boolean {
  const cells = new Int32Array(buffer);
  return Atomics.load(cells, writtenCell) === Atomics.load(cells, releasedCell);
}

/** The number of a frame as int64 words; the ends of int64 stand for the infinities. Fractions are floored. */
export function writeFrameNumber(words: Int32Array, cell: number, value: number): void {
  if (value === Infinity || value === -Infinity) {
    words[cell * 2] = value > 0 ? -1 : 0;
    words[cell * 2 + 1] = value > 0 ? 0x7fffffff : -0x80000000;
  } else writeInt64(words, cell, value);
}

export function readFrameNumber(words: Int32Array, cell: number): number {
  const low = words[cell * 2];
  const high = words[cell * 2 + 1];
  if (high === 0x7fffffff && low === -1) return Infinity;
  if (high === -0x80000000 && low === 0) return -Infinity;
  return readInt64(words, cell);
}
