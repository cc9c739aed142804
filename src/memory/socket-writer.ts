import type { Duplex } from 'node:stream';
import { MillraceError } from '../core/errors.js';
import type { NamingWriter } from './channel.js';
import { copyBytes } from './copy.js';
import { attachDoorbell, type DoorbellMemory } from './doorbell.js';
import type { FrameKind, FrameName } from './frame.js';
import { createRing, releasedCell, type RingMemory } from './ring-memory.js';
import { RingReader } from './ring-reader.js';
import { RingWriter, type FrameOptions } from './ring-writer.js';
import {
  ByteQueue,
  decodePlace,
  decodeRelease,
  encodeHeader,
  encodeHello,
  goodbyeKind,
  goodbyeRelease,
  placeBytes,
  placeMark,
  releaseBytes,
  type ReaderPlace,
} from './socket-wire.js';

export interface SocketWriterOptions {
  /** As of a ring; also of the reader's. */
  readonly capacityBytes: number;
  /** Bell of the producing thread. */
  readonly producerBell: DoorbellMemory;
  /** The reader has gone without a goodbye, or said what it must not. What it did not release is kept for a successor. */
  readonly onBroken: (error: MillraceError) => void;
  /** True for the successor of a writer: it begins where the reader says that it stands, and is full until then. Default false. */
  readonly succeeds?: boolean;
}

/**
 * The producer's end of a channel to another process: a ring of its own, out of which a socket is fed.
 *
 * ```
 *   producer ──► [ ring: unacknowledged | waiting | free ] ──socket──► [ ring ] ──► consumer
 *                         ▲──────── frames released ◄──────────────────────┘
 * ```
 * Room in the ring is the credit: a frame leaves it when the consumer has released its copy, so neither side holds more than
 * the capacity, and a consumer that does not release holds the producer back. Frames are sent out of the ring itself.
 *
 * Either end may be replaced. A new reader gets again what was not released. A new writer has lost what lay in its
 * predecessor's ring: it goes on behind what the reader has got.
 */
export class SocketWriter implements NamingWriter {
  readonly #capacityBytes: number;
  readonly #producerBell: DoorbellMemory;
  #memory: RingMemory;
  #writer: RingWriter;
  readonly #onBroken: (error: MillraceError) => void;
  /** Reads what goes to the stream; a new one for each stream. */
  #sent: RingReader;
  #stream: Duplex | undefined;
  #closed = false;
  /** Until the reader has said where it stands. */
  #waits: boolean;
  #namedBefore: FrameName | undefined;
  /** The place of the reader follows. */
  #hasMark = false;

  constructor({ capacityBytes, producerBell, onBroken, succeeds = false }: SocketWriterOptions) {
    this.#capacityBytes = capacityBytes;
    this.#producerBell = producerBell;
    this.#waits = succeeds;
    this.#memory = createRing({ capacityBytes, producerBell });
    this.#writer = new RingWriter(this.#memory);
    this.#sent = new RingReader(this.#memory);
    this.#onBroken = onBroken;
  }

  get maxPayloadBytes(): number {
    return this.#writer.maxPayloadBytes;
  }

  get capacityBytes(): number {
    return this.#writer.capacityBytes;
  }

  get usedBytes(): number {
    return this.#writer.usedBytes;
  }

  /** Frames that a consumer has released, over all streams. */
  get releasedFrames(): number {
    return this.#sent.releasedFrames;
  }

  /** Frames ever written. */
  get writtenFrames(): number {
    return this.#writer.writtenFrames;
  }

  get named(): FrameName | undefined {
    return this.#writer.named ?? this.#namedBefore;
  }

  tryWrite(kind: FrameKind, options?: FrameOptions): boolean {
    if (this.#waits || !this.#writer.tryWrite(kind, options)) return false;
    this.#pump();
    return true;
  }

  /** A consumer has come; a successor gets again what was not released. The stream before, if any, is dropped. */
  attach(stream: Duplex): void {
    const before = this.#stream;
    this.#stream = stream;
    this.#hasMark = false;
    before?.destroy();
    this.#sent = new RingReader(this.#memory);
    const said = new ByteQueue();
    stream.on('data', (chunk: Uint8Array) => {
      said.push(chunk);
      while (this.#stream === stream && this.#hear(said));
    });
    // 'close' follows, and says it to everybody.
    stream.on('error', () => undefined);
    stream.once('close', () => this.#broken(stream, 'the consumer has gone'));
    if (!this.#waits) this.#begin(stream);
  }

  /** Says goodbye behind what is still on its way. */
  close(): void {
    this.#closed = true;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.end(encodeHeader({ kind: goodbyeKind, flags: 0, number: 0, payload: new Uint8Array(0) }));
  }

  #begin(stream: Duplex): void {
    const releasedUnits = Atomics.load(new Int32Array(this.#memory.buffer), releasedCell);
    stream.write(encodeHello({ capacityBytes: this.capacityBytes, releasedUnits, releasedFrames: this.releasedFrames }));
    this.#pump();
  }

  /** A predecessor's reader goes on with what this one writes. */
  #goOn({ units, frames, named }: ReaderPlace): void {
    const start = { units, frames };
    this.#memory = createRing({ capacityBytes: this.#capacityBytes, producerBell: this.#producerBell, start });
    this.#writer = new RingWriter(this.#memory);
    this.#sent = new RingReader(this.#memory);
    this.#namedBefore = named;
    this.#waits = false;
    this.#begin(this.#stream as Duplex);
    // There is room now.
    attachDoorbell(this.#producerBell).ring();
  }

  #pump(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    for (let frame = this.#sent.tryRead(); frame !== undefined; frame = this.#sent.tryRead()) {
      const { payload } = frame;
      stream.cork();
      stream.write(encodeHeader({ ...frame, name: this.#sent.name }));
      // The slot stays as it is until the consumer has released its copy.
      if (payload.length > 0) stream.write(Buffer.from(payload.buffer, payload.byteOffset, payload.length));
      stream.uncork();
    }
  }

  /** One message of the reader. @returns false where more bytes are needed */
  #hear(said: ByteQueue): boolean {
    if (this.#hasMark) {
      if (said.length < placeBytes) return false;
      this.#hasMark = false;
      const place = decodePlace(taken(said, placeBytes));
      if (this.#waits) this.#goOn(place);
      return true;
    }
    if (said.length < releaseBytes) return false;
    const frames = decodeRelease(taken(said, releaseBytes));
    if (frames === placeMark) this.#hasMark = true;
    else this.#release(frames);
    return true;
  }

  #release(frames: number): void {
    if (frames === goodbyeRelease) {
      this.#stream?.end();
      this.#stream = undefined;
      return;
    }
    try {
      this.#sent.release(frames - this.releasedFrames);
    } catch (thrown) {
      const stream = this.#stream as Duplex;
      this.#broken(stream, `it released frame ${frames} of a channel that is at ${this.releasedFrames}: ${(thrown as Error).message}`, 'PROTOCOL');
      stream.destroy();
    }
  }

  #broken(stream: Duplex, why: string, code: 'UNAVAILABLE' | 'PROTOCOL' = 'UNAVAILABLE'): void {
    if (this.#stream !== stream || this.#closed) return;
    this.#stream = undefined;
    const unreleasedBytes = this.usedBytes;
    this.#onBroken(new MillraceError(code, `socket channel: ${why}; ${unreleasedBytes} bytes were not released`, { details: { unreleasedBytes } }));
  }
}

function taken(queue: ByteQueue, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  queue.take(bytes, copyBytes);
  return bytes;
}
