import type { OutRecord } from './client.js';
import { WireReader } from './wire/wire-reader.js';
import { WireWriter } from './wire/wire-writer.js';

/**
 * Records that wait for their cut, as the bytes that the cut stores.
 *
 *     record: partition uvarint │ timestamp uvarint │ key │ value │ header count uvarint │ { name │ value }*
 *     bytes:  length + 1 as uvarint (0: null) │ bytes
 */
export class PendingOutput {
  readonly #writer = new WireWriter(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#writer.length;
  }

  add({ partition, timestamp, key, value, headers }: OutRecord): void {
    const writer = this.#writer.uvarint(partition).uvarint(timestamp);
    write(writer, key);
    write(writer, value);
    writer.uvarint(headers.length);
    for (const header of headers) {
      write(writer, Buffer.from(header.name));
      write(writer, header.value);
    }
    this.#count++;
  }

  /** Shares memory with this. */
  get bytes(): Uint8Array {
    return this.#writer.bytes;
  }
}

function write(writer: WireWriter, bytes: Uint8Array | null): void {
  if (bytes === null) writer.uvarint(0);
  else writer.uvarint(bytes.byteLength + 1).raw(bytes);
}

/** @throws FORMAT_INVALID */
export function readPending(bytes: Uint8Array, topic: string): OutRecord[] {
  const reader = new WireReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const read = (): Buffer | null => {
    const length = reader.uvarint();
    return length === 0 ? null : reader.raw(length - 1);
  };
  const records: OutRecord[] = [];
  while (reader.remaining > 0) {
    const partition = reader.uvarint();
    const timestamp = reader.uvarint();
    const key = read();
    const value = read();
    const headers = Array.from({ length: reader.uvarint() }, () => ({ name: (read() as Buffer).toString('utf8'), value: read() }));
    records.push({ topic, partition, timestamp, key, value, headers });
  }
  return records;
}
