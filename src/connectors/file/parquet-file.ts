import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { FileMetaData } from 'hyparquet';
// The package's entry would load every decoder.
import { parquetMetadata } from 'hyparquet/src/metadata.js';
import { fromSystemError, MillraceError } from '../../core/errors.js';

const magic = 'PAR1';
const tailBytes = 8;

/**
 * The footer of a Parquet file, read synchronously: it is small, and a graph is checked before anything asynchronous runs.
 *
 * ```
 *  "PAR1" | row groups ... | footer (thrift) | footer length (u32) | "PAR1"
 * ```
 * @throws FILE_NOT_FOUND, IO_FAILED, FORMAT_INVALID
 */
export function readParquetMetadata(path: string): FileMetaData {
  let handle: number | undefined;
  try {
    handle = openSync(path, 'r');
    const { size } = fstatSync(handle);
    const tail = readAt(handle, Math.max(0, size - tailBytes), Math.min(tailBytes, size));
    if (size < tailBytes + magic.length || tail.toString('latin1', 4) !== magic) {
      throw new MillraceError('FORMAT_INVALID', `${path}: not a Parquet file (it does not end with ${magic}); an unfinished one has no footer yet`, {
        details: { path, size },
      });
    }
    const footerBytes = tail.readUInt32LE(0);
    if (footerBytes > size - tailBytes)
      throw new MillraceError('FORMAT_INVALID', `${path}: its footer claims ${footerBytes} bytes of a file of ${size}`, { details: { path, size } });
    const bytes = readAt(handle, size - tailBytes - footerBytes, footerBytes + tailBytes);
    return parseFooter(path, bytes);
  } catch (thrown) {
    throw fromSystemError(thrown, 'read', path);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function parseFooter(path: string, bytes: Buffer): FileMetaData {
  try {
    return parquetMetadata(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer);
  } catch (thrown) {
    throw new MillraceError('FORMAT_INVALID', `${path}: the Parquet footer cannot be decoded: ${(thrown as Error).message}`, {
      details: { path },
      cause: thrown,
    });
  }
}

function readAt(handle: number, position: number, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  let done = 0;
  while (done < count) {
    const read = readSync(handle, bytes, done, count - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}

/** Asynchronous reads of ranges of one file. */
export class RangeReader {
  readonly path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** @throws FILE_NOT_FOUND, IO_FAILED */
  static async open(path: string): Promise<RangeReader> {
    try {
      return new RangeReader(path, await open(path, 'r'));
    } catch (thrown) {
      throw fromSystemError(thrown, 'open', path);
    }
  }

  /** Bytes from..to (exclusive). @throws FORMAT_INVALID where the file ends before `to` */
  async read(from: number, to: number): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(to - from);
    let done = 0;
    try {
      while (done < bytes.byteLength) {
        const { bytesRead } = await this.#handle.read(bytes, done, bytes.byteLength - done, from + done);
        if (bytesRead === 0)
          throw new MillraceError('FORMAT_INVALID', `${this.path}: ends at byte ${from + done}, its footer speaks of ${to}`, { details: { path: this.path } });
        done += bytesRead;
      }
    } catch (thrown) {
      throw fromSystemError(thrown, 'read', this.path);
    }
    return bytes.buffer;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
