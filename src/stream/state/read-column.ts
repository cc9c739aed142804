import { deserialize } from 'node:v8';
import type { ByteReader } from './byte-writer.js';
import { tags } from './column-format.js';

/** Reads back what writeColumn() wrote. @throws RangeError, Error where the bytes are damaged */
export function readColumn(reader: ByteReader): unknown[] {
  const [tag, count] = reader.uint32(2) as unknown as [number, number];
  switch (tag) {
    case tags.any: {
      const [length] = reader.uint32(2);
      return deserialize(reader.bytes(length!)) as unknown[];
    }
    case tags.numbers:
      return Array.from(reader.float64(count));
    case tags.integers:
      return Array.from(reader.int32(count));
    case tags.booleans:
      return Array.from(reader.bytes(count), (byte) => byte === 1);
    case tags.text:
      return readText(reader, count);
    case tags.lists:
      return cutUp(reader.int32(count), readColumn(reader));
    case tags.tuples: {
      const [length] = reader.uint32(2);
      const columns = Array.from({ length: length! }, () => readColumn(reader));
      return Array.from({ length: count }, (_, row) => columns.map((column) => column[row]));
    }
    case tags.records:
      return readRecords(reader, count);
    case tags.optional: {
      const present = reader.bytes(count);
      const values = readColumn(reader);
      let next = 0;
      return Array.from(present, (is) => (is === 1 ? values[next++] : undefined));
    }
    default:
      throw new Error(`no column has tag ${tag}`);
  }
}

function readText(reader: ByteReader, count: number): string[] {
  const lengths = reader.int32(count);
  const [isWide, bytes] = reader.uint32(2);
  const text = reader.bytes(bytes!).toString(isWide === 1 ? 'utf16le' : 'latin1');
  return cutUp(lengths, text);
}

/** Pieces of these lengths, one after the other. */
function cutUp<T extends string | unknown[]>(lengths: Int32Array, whole: T): T[] {
  let at = 0;
  return Array.from(lengths, (length) => whole.slice(at, (at += length)) as T);
}

function readRecords(reader: ByteReader, count: number): unknown[] {
  const [bytes] = reader.uint32(2);
  const names = JSON.parse(reader.bytes(bytes!).toString()) as string[];
  const columns = names.map(() => readColumn(reader));
  return Array.from({ length: count }, (_, row) => {
    const record: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) record[names[i]!] = columns[i]![row];
    return record;
  });
}
