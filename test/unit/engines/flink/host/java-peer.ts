import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeError, MillraceError, type EncodedError } from '../../../../../src/core/errors.js';
import { encodeBatch, encodedBatchBytes } from '../../../../../src/memory/batch-encoding.js';
import type { RecordBatch } from '../../../../../src/memory/batch.js';

/** Kinds of frames as the bridge in Java has them. */
export const kinds = {
  ...{ OPEN: 1, STATE: 2, START: 3, DATA: 4, BARRIER: 5, COMPLETE: 6, ABORTED: 7, END_INPUT: 8, CLOSE: 9, FOUND: 10, DRAIN: 11 },
  ...{ READY: 32, WATERMARK: 33, ACK: 34, PASSED: 35, SNAPSHOT: 36, SNAPSHOT_DONE: 37, COMMITTED: 38, FINISHED: 39 },
  ...{ METRICS: 40, PUBLISH: 41, LOOKUP: 42, ERROR: 43, LOG: 44, DECLINED: 45, CLOSED: 46 },
} as const;
/** Kinds of what a DATA frame carries. */
export const inner = { data: 1, watermark: 2, idle: 4, endOfInput: 5, endOfPass: 6 } as const;

export interface PeerFrame {
  readonly kind: number;
  readonly flags: number;
  readonly edge: number;
  readonly target: number;
  readonly from: number;
  readonly rows: number;
  readonly number: bigint;
  readonly payload: Buffer;
}

export function encodeFrame({
  kind = 0,
  flags = 0,
  edge = 0,
  target = 0,
  from = 0,
  rows = 0,
  number = 0n,
  payload = Buffer.alloc(0),
}: Partial<PeerFrame>): Buffer {
  const frame = Buffer.alloc(28 + payload.length);
  frame.writeUInt32LE(24 + payload.length, 0);
  frame.writeUInt8(kind, 4);
  frame.writeUInt8(flags, 5);
  frame.writeUInt16LE(edge, 6);
  frame.writeInt32LE(target, 8);
  frame.writeInt32LE(from, 12);
  frame.writeInt32LE(rows, 16);
  frame.writeBigInt64LE(number, 20);
  payload.copy(frame, 28);
  return frame;
}

export function decodeFrame(frame: Buffer): PeerFrame {
  return {
    kind: frame.readUInt8(4),
    flags: frame.readUInt8(5),
    edge: frame.readUInt16LE(6),
    target: frame.readInt32LE(8),
    from: frame.readInt32LE(12),
    rows: frame.readInt32LE(16),
    number: frame.readBigInt64LE(20),
    payload: Buffer.from(frame.subarray(28)),
  };
}

export function batchPayload(batch: RecordBatch): Buffer {
  const payload = new Uint8Array(encodedBatchBytes(batch));
  encodeBatch(batch, payload);
  return Buffer.from(payload.buffer);
}

export interface Chunk {
  readonly keyGroup: number;
  readonly payload: Buffer;
}

const deadlineMs = 15_000;

/** The side of Java, by hand: listens on a real socket, sends frames and keeps what comes. */
export class JavaPeer {
  readonly path: string;
  readonly frames: PeerFrame[] = [];
  ended = false;
  readonly #folder: string;
  readonly #server: Server;
  #socket: Socket | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #looks: (() => void)[] = [];

  constructor(base = tmpdir()) {
    this.#folder = mkdtempSync(join(base, 'millrace-'));
    this.path = join(this.#folder, 's');
    this.#server = createServer((socket) => {
      this.#socket = socket;
      socket.on('data', (chunk) => this.#take(chunk));
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.ended = true;
        this.#look();
      });
      this.#look();
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.path, resolve));
    return this;
  }

  async accepted(): Promise<void> {
    await this.until('the connection', () => this.#socket !== undefined);
  }

  send(frame: Partial<PeerFrame>): void {
    this.#socket?.write(encodeFrame(frame));
  }

  json(kind: number, value: unknown): void {
    this.send({ kind, payload: Buffer.from(JSON.stringify(value)) });
  }

  /** Reads no more: what comes stays in the kernel and in the sender. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Ends the connection without a word. */
  cut(): void {
    this.#socket?.destroy();
  }

  of(...wanted: number[]): PeerFrame[] {
    return this.frames.filter(({ kind }) => wanted.includes(kind));
  }

  /** Frames acknowledged so far. */
  get acknowledged(): number {
    return this.of(kinds.ACK).reduce((sum, { number }) => sum + Number(number), 0);
  }

  /** Waits for so many frames of a kind, and gives the last of them. */
  async got(kind: number, count = 1): Promise<PeerFrame> {
    await this.until(`${count} frames of kind ${kind}`, () => this.of(kind).length >= count);
    return this.of(kind)[count - 1] as PeerFrame;
  }

  async gotError(): Promise<MillraceError & { readonly again: boolean }> {
    const { payload } = await this.got(kinds.ERROR);
    const encoded = JSON.parse(payload.toString()) as EncodedError & { retryable: boolean };
    return Object.assign(decodeError(encoded), { again: encoded.retryable });
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen = this.frames
          .map(({ kind, flags, number, payload }) => (kind === kinds.ERROR ? payload.toString() : `${kind}/${flags}/${number}`))
          .join(' ');
        reject(new Error(`waited ${deadlineMs} ms for ${what}; came: ${seen}`));
      }, deadlineMs);
      const look = (): void => {
        if (!isSo()) {
          this.#looks.push(look);
          return;
        }
        clearTimeout(timer);
        resolve();
      };
      this.#looks.push(look);
    });
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4 && this.#rest.length >= 4 + this.#rest.readUInt32LE(0)) {
      const end = 4 + this.#rest.readUInt32LE(0);
      this.frames.push(decodeFrame(this.#rest.subarray(0, end)));
      this.#rest = this.#rest.subarray(end);
    }
    this.#look();
  }

  #look(): void {
    for (const look of this.#looks.splice(0)) look();
  }
}
