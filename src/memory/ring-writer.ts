import { MillraceError } from '../core/errors.js';
import { attachDoorbell } from './doorbell.js';
import {
  frameCountCell,
  releasedCell,
  ringCapacityBytes,
  skipKind,
  slotsAt,
  unitBytes,
  writeFrameNumber,
  writtenCell,
  type RingMemory,
} from './ring-memory.js';
import type { ChannelWriter, Doorbell } from './channel.js';
import type { FrameKind } from './frame.js';

export interface FrameOptions {
  readonly flags?: number;
  readonly number?: number;
  readonly payloadBytes?: number;
  readonly fill?: (payload: Uint8Array) => void;
}

const noOptions: FrameOptions = {};

/** The producer's end of a ring. A successor goes on where the last whole frame ended. */
export class RingWriter implements ChannelWriter {
  readonly capacityBytes: number;
  readonly maxPayloadBytes: number;
  readonly #memory: RingMemory;
  readonly #cells: Int32Array;
  readonly #numbers: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #units: number;
  readonly #bell: Doorbell;
  #written: number;
  /** As of the last look; looked at again only where the ring seems full. */
  #released: number;
  #frames: number;

  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#cells = new Int32Array(memory.buffer);
    this.#numbers = new Float64Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.capacityBytes = ringCapacityBytes(memory);
    this.#units = this.capacityBytes / unitBytes;
    // A frame that does not fit before the end starts over at the beginning; half of the ring can always be had in one piece.
    this.maxPayloadBytes = this.capacityBytes / 2 - unitBytes;
    this.#bell = attachDoorbell(memory.consumerBell);
    this.#written = Atomics.load(this.#cells, writtenCell);
    this.#released = Atomics.load(this.#cells, releasedCell);
    this.#frames = this.#numbers[frameCountCell] as number;
  }

  get usedBytes(): number {
    return ((this.#written - Atomics.load(this.#cells, releasedCell)) | 0) * unitBytes;
  }

  tryWrite(kind: FrameKind, options: FrameOptions = noOptions): boolean {
    const payloadBytes = options.payloadBytes ?? 0;
    if (payloadBytes > this.maxPayloadBytes) throw this.#tooLarge(payloadBytes);
    const units = 1 + Math.ceil(payloadBytes / unitBytes);
    const at = this.#written & (this.#units - 1);
    const skipped = at + units > this.#units ? this.#units - at : 0;
    if (!this.#hasRoom(skipped + units)) return false;
    const slot = slotsAt + (skipped > 0 ? 0 : at) * unitBytes;
    // May throw; nothing is visible yet.
    options.fill?.(new Uint8Array(this.#memory.buffer, slot + unitBytes, payloadBytes));
    if (skipped > 0) this.#writeHeader(slotsAt + at * unitBytes, (skipped - 1) * unitBytes, skipKind, noOptions);
    this.#writeHeader(slot, payloadBytes, kind, options);
    this.#publish(skipped + units);
    return true;
  }

  #hasRoom(units: number): boolean {
    if (((this.#written - this.#released) | 0) + units <= this.#units) return true;
    this.#released = Atomics.load(this.#cells, releasedCell);
    return ((this.#written - this.#released) | 0) + units <= this.#units;
  }

  #writeHeader(slot: number, payloadBytes: number, kind: number, options: FrameOptions): void {
    this.#cells[slot >> 2] = payloadBytes;
    this.#bytes[slot + 4] = kind;
    this.#bytes[slot + 5] = options.flags ?? 0;
    this.#bytes[slot + 6] = 0;
    this.#bytes[slot + 7] = 0;
    writeFrameNumber(this.#cells, (slot >> 3) + 1, options.number ?? 0);
    this.#numbers[(slot >> 3) + 2] = this.#frames;
  }

  #publish(units: number): void {
    this.#frames++;
    this.#numbers[frameCountCell] = this.#frames;
    this.#written = (this.#written + units) | 0;
    Atomics.store(this.#cells, writtenCell, this.#written);
    this.#bell.ring();
  }

  #tooLarge(payloadBytes: number): MillraceError {
    return new MillraceError(
      'RECORD_TOO_LARGE',
      `a frame of ${payloadBytes} bytes cannot cross a ring of ${this.capacityBytes} bytes, which carries ${this.maxPayloadBytes} at most; make the records smaller or the channel larger`,
      { details: { payloadBytes, maxPayloadBytes: this.maxPayloadBytes } },
    );
  }
}
