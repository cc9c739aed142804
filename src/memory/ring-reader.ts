import { MillraceError } from '../core/errors.js';
import { attachDoorbell } from './doorbell.js';
import { frameKind, type Frame, type FrameKind, type FrameName } from './frame.js';
import {
  frameCountCell,
  readFrameNumber,
  releasedCell,
  releasedCountCell,
  ringCapacityBytes,
  skipKind,
  slotsAt,
  unitBytes,
  writtenCell,
  type RingMemory,
} from './ring-memory.js';
import type { Doorbell, NumberedReader } from './channel.js';

const emptyPayload = new Uint8Array(0);
const highestKind = Math.max(...Object.values(frameKind));

/** The consumer's end of a ring. A successor starts at the released position: it reads again what was not released. */
export class RingReader implements NumberedReader {
  readonly #memory: RingMemory;
  readonly #cells: Int32Array;
  readonly #numbers: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #units: number;
  readonly #bell: Doorbell;
  /** Ends of the slots read and not yet released, oldest first from #firstEnd on. */
  #ends: number[] = [];
  #firstEnd = 0;
  #read: number;
  /** As of the last look. */
  #written: number;
  #releasedFrames: number;
  #hasReleasedFrames = false;
  #sequence = -1;
  #slot = 0;

  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#cells = new Int32Array(memory.buffer);
    this.#numbers = new Float64Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#units = ringCapacityBytes(memory) / unitBytes;
    this.#bell = attachDoorbell(memory.producerBell);
    this.#read = Atomics.load(this.#cells, releasedCell);
    this.#written = Atomics.load(this.#cells, writtenCell);
    this.#releasedFrames = this.#numbers[frameCountCell] as number;
    if (this.#written !== this.#read) this.#skipToFrame();
  }

  get releasedFrames(): number {
    return this.#releasedFrames;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Name of the frame that was read last, until it is released. */
  get name(): FrameName | undefined {
    const position = this.#numbers[(this.#slot >> 3) + 3] as number;
    return position === 0 ? undefined : { position, frames: this.#numbers[(this.#slot >> 3) + 4] as number };
  }

  get usedBytes(): number {
    return ((Atomics.load(this.#cells, writtenCell) - Atomics.load(this.#cells, releasedCell)) | 0) * unitBytes;
  }

  tryRead(): Frame | undefined {
    if (this.#read === this.#written) {
      this.#written = Atomics.load(this.#cells, writtenCell);
      if (this.#read === this.#written) return undefined;
    }
    const slot = this.#skipToFrame();
    const payloadBytes = this.#payloadBytesAt(slot);
    const kind = this.#bytes[slot + 4] as number;
    if (kind > highestKind) throw this.#broken(`a frame of unknown kind ${kind}`);
    this.#read = (this.#read + 1 + Math.ceil(payloadBytes / unitBytes)) | 0;
    this.#ends.push(this.#read);
    this.#slot = slot;
    this.#sequence = this.#numbers[(slot >> 3) + 2] as number;
    return {
      kind: kind as FrameKind,
      flags: this.#bytes[slot + 5] as number,
      number: readFrameNumber(this.#cells, (slot >> 3) + 1),
      payload: payloadBytes === 0 ? emptyPayload : new Uint8Array(this.#memory.buffer, slot + unitBytes, payloadBytes),
    };
  }

  release(count: number): void {
    const outstanding = this.#ends.length - this.#firstEnd;
    if (!Number.isInteger(count) || count < 0 || count > outstanding) {
      throw new MillraceError('INTERNAL', `${String(count)} frames released where ${outstanding} are read and not released`);
    }
    if (count === 0) return;
    this.#firstEnd += count;
    this.#releasedFrames += count;
    this.#numbers[releasedCountCell] = this.#releasedFrames;
    Atomics.store(this.#cells, releasedCell, this.#ends[this.#firstEnd - 1] as number);
    this.#compact();
    this.#bell.ring();
  }

  #compact(): void {
    if (this.#firstEnd === this.#ends.length) {
      this.#ends.length = 0;
      this.#firstEnd = 0;
    } else if (this.#firstEnd > 1024) {
      this.#ends = this.#ends.slice(this.#firstEnd);
      this.#firstEnd = 0;
    }
  }

  /** Passes over the filler at the end of the ring. Call only where something is written. */
  #skipToFrame(): number {
    let slot = this.#slotAtRead();
    if (this.#bytes[slot + 4] === skipKind) {
      this.#read = (this.#read + 1 + this.#payloadBytesAt(slot) / unitBytes) | 0;
      slot = this.#slotAtRead();
    }
    if (!this.#hasReleasedFrames) {
      // The count beside the cursor may be one ahead of it where the producer is just publishing; the slot is exact.
      this.#releasedFrames = this.#numbers[(slot >> 3) + 2] as number;
      this.#hasReleasedFrames = true;
    }
    return slot;
  }

  #slotAtRead(): number {
    return slotsAt + (this.#read & (this.#units - 1)) * unitBytes;
  }

  #payloadBytesAt(slot: number): number {
    const payloadBytes = this.#cells[slot >> 2] as number;
    if (payloadBytes < 0 || slot + unitBytes + payloadBytes > this.#memory.buffer.byteLength)
      throw this.#broken(`a frame of ${payloadBytes} bytes at byte ${slot}`);
    return payloadBytes;
  }

  #broken(what: string): MillraceError {
    return new MillraceError('PROTOCOL', `ring: ${what}; producer and consumer do not run the same version, or something wrote over the ring`);
  }
}
