import { MillraceError } from '../../../core/errors.js';

/** Reads the types of Kafka's protocol. @throws FORMAT_INVALID (every method) where the bytes end too early */
export class WireReader {
  #at: number;

  constructor(
    readonly buffer: Buffer,
    start = 0,
    readonly end = buffer.length,
  ) {
    this.#at = start;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.end - this.#at;
  }

  skip(count: number): void {
    this.#at = this.#advance(count) + count;
  }

  int8(): number {
    return this.buffer.readInt8(this.#take(1));
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#take(4));
  }

  bigint64(): bigint {
    return this.buffer.readBigInt64BE(this.#take(8));
  }

  /** An int64 as a number: offsets and times, exact up to 2^53. */
  int64(): number {
    const at = this.#take(8);
    return this.buffer.readInt32BE(at) * 0x1_0000_0000 + this.buffer.readUInt32BE(at + 4);
  }

  /** Zigzag varint, up to 2^53. */
  varint(): number {
    const raw = this.uvarint();
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  uvarint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.buffer[this.#take(1)] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  string(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.#text(length);
  }

  compactString(): string | null {
    const length = this.uvarint();
    return length === 0 ? null : this.#text(length - 1);
  }

  array<T>(read: () => T): T[] {
    const length = this.int32();
    return Array.from({ length: Math.max(length, 0) }, read);
  }

  compactArray<T>(read: () => T): T[] {
    const length = this.uvarint() - 1;
    return Array.from({ length: Math.max(length, 0) }, read);
  }

  tags(): void {
    for (let count = this.uvarint(); count > 0; count--) {
      this.uvarint();
      this.skip(this.uvarint());
    }
  }

  /** The next `length` bytes, shared. */
  raw(length: number): Buffer {
    const at = this.#take(length);
    return this.buffer.subarray(at, at + length);
  }

  #text(length: number): string {
    const at = this.#take(length);
    return this.buffer.toString('utf8', at, at + length);
  }

  #take(count: number): number {
    const at = this.#advance(count);
    this.#at = at + count;
    return at;
  }

  #advance(count: number): number {
    if (count >= 0 && this.#at + count <= this.end) return this.#at;
    throw new MillraceError('FORMAT_INVALID', `Kafka: a message ends at byte ${this.end}, ${count} more were needed at byte ${this.#at}`);
  }
}
