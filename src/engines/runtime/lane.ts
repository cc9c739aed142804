import { MillraceError } from '../../core/errors.js';
import type { RecordBatch } from '../../memory/batch.js';
import { encodeBatch, encodedBatchBytes } from '../../memory/batch-encoding.js';
import type { ChannelWriter } from '../../memory/channel.js';
import { frameKind, type FrameKind } from '../../memory/frame.js';

type Held = { readonly batch: RecordBatch; readonly payloadBytes: number } | { readonly kind: FrameKind; readonly flags: number; readonly number: number };

/** One channel on the producer's side, with what did not fit yet. Order is kept: nothing overtakes a held frame. */
export class Lane {
  readonly #writer: ChannelWriter;
  /** Frames take at most a quarter of the channel, so that producer and consumer work at the same time. */
  readonly #frameBytes: number;
  readonly #held: Held[] = [];

  constructor(writer: ChannelWriter) {
    this.#writer = writer;
    this.#frameBytes = Math.min(writer.maxPayloadBytes, writer.capacityBytes >>> 2);
  }

  /** True where nothing more is to be made for it for now. */
  get held(): boolean {
    return this.#held.length > 0 || this.#writer.isFull === true;
  }

  /** @throws RECORD_TOO_LARGE where a single row does not fit the channel */
  data(batch: RecordBatch): void {
    const payloadBytes = encodedBatchBytes(batch);
    if (payloadBytes > this.#frameBytes && batch.length > 1) {
      const middle = batch.length >>> 1;
      this.data(batch.slice(0, middle));
      this.data(batch.slice(middle, batch.length));
      return;
    }
    if (payloadBytes > this.#writer.maxPayloadBytes) throw this.#tooLarge(payloadBytes);
    // What is held outlives the call that emitted it, and so must its memory.
    if (this.#held.length > 0 || !this.#tryData(batch, payloadBytes)) this.#held.push({ batch: batch.retain(), payloadBytes });
  }

  control(kind: FrameKind, flags: number, number: number): void {
    if (this.#held.length > 0 || !this.#writer.tryWrite(kind, { flags, number })) this.#held.push({ kind, flags, number });
  }

  /** Writes held frames while there is room. @returns true where something moved */
  flush(): boolean {
    let moved = false;
    for (let next = this.#held[0]; next !== undefined; next = this.#held[0]) {
      const written = 'batch' in next ? this.#tryData(next.batch, next.payloadBytes) : this.#writer.tryWrite(next.kind, next);
      if (!written) return moved;
      moved = true;
      this.#held.shift();
    }
    return moved;
  }

  #tryData(batch: RecordBatch, payloadBytes: number): boolean {
    return this.#writer.tryWrite(frameKind.data, { payloadBytes, fill: (payload) => encodeBatch(batch, payload) });
  }

  #tooLarge(bytes: number): MillraceError {
    const limit = this.#writer.maxPayloadBytes;
    return new MillraceError(
      'RECORD_TOO_LARGE',
      `a record takes ${bytes} bytes on a channel that carries at most ${limit}; make the record smaller; on the embedded engine channelBytes raises the limit`,
      {
        details: { bytes, limitBytes: limit },
      },
    );
  }
}
