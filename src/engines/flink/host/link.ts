import { createConnection, type Socket } from 'node:net';
import { MillraceError } from '../../../core/errors.js';
import { FramePool } from './frame-pool.js';
import { FrameReader } from './frame-reader.js';
import type { FrameHeader, LinkFrame } from './wire.js';

/** From here on the socket has enough to do: data is held back where it is made, up to the source. */
const roomBytes = 1024 * 1024;
/** Small frames go together, as each write is a call into the kernel that wakes Java: so many bytes, or those of one turn of the event loop. */
const chunkBytes = 8 * 1024;

export interface LinkEvents {
  frame(frame: LinkFrame): void;
  /** There is room again for what {@link Link.hasRoom} has refused. */
  room(): void;
  /** The other end has gone, or said what it must not: nothing comes any more. Not after end(). */
  closed(error: MillraceError): void;
}

/**
 * The socket to Java: whole frames both ways, in order. Writing never blocks; who may wait asks for room first.
 *
 * ```
 * send ─► frame memory ─► kernel ─► Java's reader, its queue, task      full queue: the rest fills up
 *     └─ small: chunk ──┘
 * frame() ◄─ frame memory, aligned ◄─ kernel ◄─ Java's writer           bounded by credits
 * ```
 */
export class Link {
  readonly #socket: Socket;
  readonly #events: LinkEvents;
  readonly #pool = new FramePool();
  readonly #reader: FrameReader;
  readonly #waiting: (() => void)[] = [];
  #chunk: Buffer = Buffer.allocUnsafeSlow(chunkBytes);
  readonly #spare: Buffer[] = [];
  #filled = 0;
  /** Of the frames in the chunk. */
  #sent: (() => void)[] = [];
  #buffered = 0;
  #refused = false;
  #isOver = false;

  constructor(path: string, events: LinkEvents) {
    this.#events = events;
    this.#reader = new FrameReader(this.#pool, (frame) => this.#events.frame(frame));
    this.#socket = createConnection({
      path,
      onread: {
        buffer: () => this.#reader.target,
        callback: (bytes) => {
          if (!this.#isOver) this.#read(bytes);
          return true;
        },
      },
    });
    // 'close' follows, and says it to everybody.
    this.#socket.on('error', () => undefined);
    this.#socket.once('close', () =>
      this.#over(new MillraceError('UNAVAILABLE', `the task in Flink has gone${this.#reader.inFrame ? ' in the middle of a frame' : ''}`)),
    );
  }

  /** Bytes that the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.#buffered + this.#filled;
  }

  /** False: wait for {@link LinkEvents.room}. */
  get hasRoom(): boolean {
    if (this.#buffered <= roomBytes) return true;
    this.#refused = true;
    return false;
  }

  /** Resolves when there is room; at once where the link is over. */
  async whenRoom(): Promise<void> {
    while (this.#buffered > roomBytes && !this.#isOver) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Writes one frame.
   *
   * @param header is read after `fill`
   * @param fill gets the payload memory (at a multiple of 64) and must fill it before it returns; where it throws, nothing is sent
   * @param sent is called when the kernel has it: Java will read it, even if this thread ends
   */
  send(header: FrameHeader, payloadBytes = 0, fill?: (payload: Uint8Array) => void, sent?: () => void): void {
    const memory = this.#pool.take(payloadBytes);
    try {
      fill?.(memory.payload(payloadBytes));
    } catch (thrown) {
      this.#pool.give(memory);
      throw thrown;
    }
    memory.writeHeader(header, payloadBytes);
    const frame = memory.frame(payloadBytes);
    if (frame.length * 4 <= chunkBytes) {
      this.#gather(frame, sent);
      this.#pool.give(memory);
      return;
    }
    this.#flush();
    this.#write(frame, (isSent) => {
      this.#pool.give(memory);
      if (isSent) sent?.();
    });
  }

  sendText(header: FrameHeader, text: string): void {
    const bytes = Buffer.from(text);
    this.send(header, bytes.length, (payload) => payload.set(bytes));
  }

  sendJson(header: FrameHeader, value: unknown): void {
    this.sendText(header, JSON.stringify(value));
  }

  /** Sends what is left, then closes. Nothing is heard any more. */
  end(): Promise<void> {
    this.#flush();
    this.#isOver = true;
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once('close', () => resolve());
      // The other end closes too once it has read the end; where it hangs, it is not waited for.
      this.#socket.end(() => this.#socket.destroy());
    });
  }

  #gather(frame: Uint8Array, sent: (() => void) | undefined): void {
    if (this.#isOver) return;
    if (this.#filled + frame.length > chunkBytes) this.#flush();
    if (this.#filled === 0) setImmediate(() => this.#flush());
    this.#chunk.set(frame, this.#filled);
    this.#filled += frame.length;
    if (sent !== undefined) this.#sent.push(sent);
  }

  #flush(): void {
    if (this.#filled === 0) return;
    const chunk = this.#chunk;
    const all = this.#sent;
    const filled = this.#filled;
    this.#filled = 0;
    this.#sent = [];
    // The socket may keep it for a while.
    this.#chunk = this.#spare.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
    this.#write(chunk.subarray(0, filled), (isSent) => {
      this.#spare.push(chunk);
      if (isSent) for (const sent of all) sent();
    });
  }

  #write(bytes: Uint8Array, done: (isSent: boolean) => void): void {
    if (this.#isOver) return done(false);
    this.#buffered += bytes.length;
    this.#socket.write(bytes, (error) => {
      this.#buffered -= bytes.length;
      done(error === undefined || error === null);
      if (this.#buffered <= roomBytes) this.#roomAgain();
    });
  }

  #roomAgain(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
    if (!this.#refused) return;
    this.#refused = false;
    this.#events.room();
  }

  #read(bytes: number): void {
    try {
      this.#reader.accept(bytes);
    } catch (thrown) {
      this.#over(MillraceError.from(thrown));
    }
  }

  #over(error: MillraceError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#roomAgain();
    this.#events.closed(error);
  }
}
