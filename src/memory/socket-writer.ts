import type { Duplex } from 'node:stream';
import { MillraceError } from '../core/errors.js';
import type { ChannelWriter } from './channel.js';
import { copyBytes } from './copy.js';
import type { DoorbellMemory } from './doorbell.js';
import type { FrameKind } from './frame.js';
import { createRing, releasedCell, type RingMemory } from './ring-memory.js';
import { RingReader } from './ring-reader.js';
import { RingWriter, type FrameOptions } from './ring-writer.js';
import { ByteQueue, decodeRelease, encodeHeader, encodeHello, goodbyeKind, goodbyeRelease, releaseBytes } from './socket-wire.js';

export interface SocketWriterOptions {
  /** As of a ring; also of the reader's. */
  readonly capacityBytes: number;
  /** Bell of the producing thread. */
  readonly producerBell: DoorbellMemory;
  /** The reader has gone without a goodbye, or said what it must not. What it did not release is kept for a successor. */
  readonly onBroken: (error: MillraceError) => void;
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
 */
export class SocketWriter implements ChannelWriter {
  readonly #memory: RingMemory;
  readonly #writer: RingWriter;
  readonly #onBroken: (error: MillraceError) => void;
  /** Reads what goes to the stream; a new one for each stream. */
  #sent: RingReader;
  #stream: Duplex | undefined;
  #closed = false;

  constructor({ capacityBytes, producerBell, onBroken }: SocketWriterOptions) {
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

  tryWrite(kind: FrameKind, options?: FrameOptions): boolean {
    if (!this.#writer.tryWrite(kind, options)) return false;
    this.#pump();
    return true;
  }

  /** A consumer has come; a successor gets again what was not released. The stream before, if any, is dropped. */
  attach(stream: Duplex): void {
    const before = this.#stream;
    this.#stream = stream;
    before?.destroy();
    this.#sent = new RingReader(this.#memory);
    const releasedUnits = Atomics.load(new Int32Array(this.#memory.buffer), releasedCell);
    const releases = new ByteQueue();
    stream.on('data', (chunk: Uint8Array) => {
      releases.push(chunk);
      while (releases.length >= releaseBytes && this.#stream === stream) this.#release(releases);
    });
    // 'close' follows, and says it to everybody.
    stream.on('error', () => undefined);
    stream.once('close', () => this.#broken(stream, 'the consumer has gone'));
    stream.write(encodeHello({ capacityBytes: this.capacityBytes, releasedUnits, releasedFrames: this.releasedFrames }));
    this.#pump();
  }

  /** Says goodbye behind what is still on its way. */
  close(): void {
    this.#closed = true;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.end(encodeHeader({ kind: goodbyeKind, flags: 0, number: 0, payload: new Uint8Array(0) }));
  }

  #pump(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    for (let frame = this.#sent.tryRead(); frame !== undefined; frame = this.#sent.tryRead()) {
      const { payload } = frame;
      stream.cork();
      stream.write(encodeHeader(frame));
      // The slot stays as it is until the consumer has released its copy.
      if (payload.length > 0) stream.write(Buffer.from(payload.buffer, payload.byteOffset, payload.length));
      stream.uncork();
    }
  }

  #release(releases: ByteQueue): void {
    const bytes = new Uint8Array(releaseBytes);
    releases.take(bytes, copyBytes);
    const frames = decodeRelease(bytes);
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
