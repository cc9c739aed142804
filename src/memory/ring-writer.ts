import { MillraceError } from '../core/errors.js';
import { attachDoorbell } from './doorbell.js';
import {
  frameCountCell,
  nameCells,
  releasedCell,
  releasedCountCell,
  ringCapacityBytes,
  skipKind,
  slotsAt,
  unitBytes,
  writeFrameNumber,
  writtenCell,
  type RingMemory,
} from './ring-memory.js';
import type { Doorbell, NamingWriter } from './channel.js';
import type { FrameKind, FrameName } from './frame.js';

export interface FrameOptions {
  readonly flags?: number;
  readonly number?: number;
  readonly payloadBytes?: number;
  readonly fill?: (payload: Uint8Array) => void;
  readonly name?: FrameName;
}

const noOptions: FrameOptions = {};

/** The producer's end of a ring. A successor goes on where the last whole frame ended. */
export class RingWriter implements NamingWriter {
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
  #named: FrameName | undefined;
  /** Which of the two places the next name goes to. */
  #nameAt: 0 | 1 = 0;

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
    this.#findName();
  }

  get named(): FrameName | undefined {
    return this.#named;
  }

  /** Frames ever written. */
  get writtenFrames(): number {
    return this.#frames;
  }

  /** 64-byte units ever written, modulo 2^32. */
  get writtenUnits(): number {
    return this.#written;
  }

  /** Frames written and not released; the count may lag behind {@link RingWriter.usedBytes}. */
  get usedFrames(): number {
    return this.#frames - (this.#numbers[releasedCountCell] as number);
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
    if (options.name !== undefined) this.#writeName(options.name, (this.#written + skipped + units) | 0);
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
    this.#numbers[(slot >> 3) + 3] = options.name?.position ?? 0;
    this.#numbers[(slot >> 3) + 4] = options.name?.frames ?? 0;
  }

  #writeName(name: FrameName, written: number): void {
    const cell = nameCells[this.#nameAt];
    this.#cells[2 * cell] = written;
    this.#cells[2 * cell + 1] = 1;
    this.#numbers[cell + 1] = name.position;
    this.#numbers[cell + 2] = name.frames;
    this.#named = name;
    this.#nameAt = this.#nameAt === 0 ? 1 : 0;
  }

  /** A predecessor may have died between writing a name and publishing its frame. */
  #findName(): void {
    let newest = Infinity;
    for (const at of [0, 1] as const) {
      const cell = nameCells[at];
      const age = (this.#written - (this.#cells[2 * cell] as number)) | 0;
      if (this.#cells[2 * cell + 1] !== 1 || age < 0 || age >= newest) continue;
      newest = age;
      this.#named = { position: this.#numbers[cell + 1] as number, frames: this.#numbers[cell + 2] as number };
      this.#nameAt = at === 0 ? 1 : 0;
    }
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
