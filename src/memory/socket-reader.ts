import type { Duplex } from 'node:stream';
import { MillraceError } from '../core/errors.js';
import type { NumberedReader } from './channel.js';
import { copyBytes } from './copy.js';
import type { DoorbellMemory } from './doorbell.js';
import { frameKind, type Frame, type FrameKind } from './frame.js';
import { createRing } from './ring-memory.js';
import { RingReader } from './ring-reader.js';
import { RingWriter } from './ring-writer.js';
import {
  ByteQueue,
  decodeHeader,
  decodeHello,
  encodePlace,
  encodeRelease,
  goodbyeKind,
  goodbyeRelease,
  headerBytes,
  helloBytes,
  type Header,
} from './socket-wire.js';

export interface SocketReaderOptions {
  /** Must be the writer's. */
  readonly capacityBytes: number;
  /** Bell of the consuming thread. */
  readonly consumerBell: DoorbellMemory;
  /** The writer has gone without a goodbye, or sent what it must not. What came before stays readable. */
  readonly onBroken: (error: MillraceError) => void;
  /** The writer has said goodbye. */
  readonly onGoodbye?: () => void;
}

const highestKind = Math.max(...Object.values(frameKind));

/**
 * The consumer's end of a channel from another process: frames are put into a ring of its own, at 64-byte aligned places,
 * and read from there without another copy. See {@link SocketWriter}.
 */
export class SocketReader implements NumberedReader {
  readonly #options: SocketReaderOptions;
  readonly #waiting = new ByteQueue();
  /** From the writer's hello on. */
  #ring: { readonly writer: RingWriter; readonly reader: RingReader } | undefined;
  #header: Header | undefined;
  #stream: Duplex | undefined;
  #saidFrames = 0;
  #unsaidBytes = 0;
  #willSay = false;
  /** The writer has not been told yet where this reader stands. */
  #mustPlace = false;
  /** Its hello has not come yet. */
  #mustMeet = false;

  constructor(options: SocketReaderOptions) {
    this.#options = options;
  }

  get releasedFrames(): number {
    return this.#ring?.reader.releasedFrames ?? 0;
  }

  get usedBytes(): number {
    return this.#ring?.reader.usedBytes ?? 0;
  }

  get sequence(): number {
    return this.#ring?.reader.sequence ?? -1;
  }

  tryRead(): Frame | undefined {
    return this.#ring?.reader.tryRead();
  }

  release(count: number): void {
    const ring = this.#ring;
    if (ring === undefined) {
      if (count !== 0) throw new MillraceError('INTERNAL', `${String(count)} frames released where none was read`);
      return;
    }
    const before = ring.reader.usedBytes;
    ring.reader.release(count);
    this.#unsaidBytes += before - ring.reader.usedBytes;
    if (this.#mustPlace) return this.#place();
    // Much room is said at once, because this thread may be busy for long; little waits for more.
    if (this.#unsaidBytes >= ring.writer.capacityBytes >>> 2) this.#sayReleased();
    else if (!this.#willSay) {
      this.#willSay = true;
      setImmediate(() => {
        this.#willSay = false;
        this.#sayReleased();
      });
    }
  }

  /**
   * The connection to the writer, or to its successor, which goes on behind the last whole frame that has come. It is let
   * in when all of its predecessor's frames are released, because it knows nothing of them.
   */
  attach(stream: Duplex): void {
    this.#stream = stream;
    this.#header = undefined;
    this.#waiting.clear();
    this.#mustPlace = true;
    this.#place();
    stream.on('data', (chunk: Uint8Array) => {
      if (this.#stream !== stream) return;
      this.#waiting.push(chunk);
      try {
        while (this.#stream === stream && this.#take());
      } catch (thrown) {
        this.#broken(MillraceError.from(thrown));
        stream.destroy();
      }
    });
    // 'close' follows, and says it to everybody.
    stream.on('error', () => undefined);
    stream.once('close', () => {
      if (this.#stream === stream) this.#broken(new MillraceError('UNAVAILABLE', `socket channel: the producer has gone${this.#inTheMiddle()}`));
    });
  }

  /** Says goodbye; nothing can be read afterwards but what has come. */
  close(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.end(encodeRelease(goodbyeRelease));
    // Whatever still comes is not wanted, but must be taken for the end to be seen.
    stream?.resume();
  }

  /** @returns false where more bytes are needed */
  #take(): boolean {
    if (this.#ring === undefined || this.#mustMeet) return this.#takeHello();
    this.#header ??= this.#takeHeader(this.#ring.writer.maxPayloadBytes);
    const header = this.#header;
    if (header === undefined || this.#waiting.length < header.payloadBytes) return false;
    this.#header = undefined;
    if (header.kind === goodbyeKind) {
      const stream = this.#stream;
      this.#stream = undefined;
      stream?.end();
      this.#options.onGoodbye?.();
      return false;
    }
    const written = this.#ring.writer.tryWrite(header.kind as FrameKind, { ...header, fill: (payload) => this.#waiting.take(payload, copyBytes) });
    if (!written) throw protocol(`a frame of ${header.payloadBytes} bytes came without room for it`);
    return true;
  }

  #takeHello(): boolean {
    if (this.#waiting.length < helloBytes) return false;
    const bytes = new Uint8Array(helloBytes);
    this.#waiting.take(bytes, copyBytes);
    const { capacityBytes, consumerBell } = this.#options;
    const hello = decodeHello(bytes);
    if (hello === undefined) throw protocol('the first bytes are no hello');
    const { releasedUnits: units, releasedFrames: frames } = hello;
    if (this.#ring !== undefined) {
      const { writer } = this.#ring;
      if (hello.capacityBytes !== writer.capacityBytes || units !== writer.writtenUnits || frames !== writer.writtenFrames)
        throw protocol(`the producer begins with frame ${frames} where ${writer.writtenFrames} is next`);
      this.#mustMeet = false;
      return true;
    }
    this.#mustMeet = false;
    const memory = createRing({ capacityBytes, consumerBell, start: { units, frames } });
    const writer = new RingWriter(memory);
    if (hello.capacityBytes !== writer.capacityBytes)
      throw protocol(`the producer has a ring of ${hello.capacityBytes} bytes, the consumer one of ${writer.capacityBytes}`);
    this.#ring = { writer, reader: new RingReader(memory) };
    this.#saidFrames = frames;
    return true;
  }

  #takeHeader(maxPayloadBytes: number): Header | undefined {
    if (this.#waiting.length < headerBytes) return undefined;
    const bytes = new Uint8Array(headerBytes);
    this.#waiting.take(bytes, copyBytes);
    const header = decodeHeader(bytes);
    if (header.kind > highestKind) throw protocol(`a frame of unknown kind ${header.kind}`);
    if (header.payloadBytes > maxPayloadBytes) throw protocol(`a frame of ${header.payloadBytes} bytes where ${maxPayloadBytes} is the most`);
    return header;
  }

  #place(): void {
    const writer = this.#ring?.writer;
    if (this.usedBytes > 0) return;
    this.#mustPlace = false;
    this.#mustMeet = true;
    this.#saidFrames = this.releasedFrames;
    this.#stream?.write(encodePlace({ units: writer?.writtenUnits ?? 0, frames: writer?.writtenFrames ?? 0, named: writer?.named }));
  }

  #sayReleased(): void {
    const { releasedFrames } = this;
    this.#unsaidBytes = 0;
    if (this.#stream === undefined || this.#mustPlace || releasedFrames === this.#saidFrames) return;
    this.#saidFrames = releasedFrames;
    this.#stream.write(encodeRelease(releasedFrames));
  }

  #inTheMiddle(): string {
    const { length } = this.#waiting;
    return this.#header === undefined && length === 0 ? '' : ' in the middle of a frame';
  }

  #broken(error: MillraceError): void {
    this.#stream = undefined;
    this.#options.onBroken(error);
  }
}

function protocol(what: string): MillraceError {
  return new MillraceError('PROTOCOL', `socket channel: ${what}; producer and consumer do not run the same version, or something else wrote to the socket`);
}
