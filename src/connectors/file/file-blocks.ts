import { open, type FileHandle } from 'node:fs/promises';
import { isAscii } from 'node:buffer';
import { fromSystemError } from '../../core/errors.js';

const defaultBlockBytes = 256 * 1024;

/**
 * A file as growing and shrinking windows of bytes.
 *
 * ```
 *  file    |.........consumed.........|#### window ####|......unread......|
 *                                     offset           offset + bytes.length
 * ```
 * `fill` appends the next block to the window, `consume` drops bytes from its front.
 */
export class FileBlocks {
  /** The window. Valid until the next fill. */
  bytes: Buffer = Buffer.alloc(0);
  /** Position in the file of the window's first byte. */
  offset: number;
  /** Nothing follows the window. */
  ended = false;
  /** Each byte of the window is one character. */
  ascii = true;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #blockBytes: number;

  private constructor(handle: FileHandle, path: string, offset: number, blockBytes: number) {
    this.#handle = handle;
    this.#path = path;
    this.#blockBytes = blockBytes;
    this.offset = offset;
  }

  /** @throws FILE_NOT_FOUND, IO_FAILED */
  static async open(path: string, offset: number, blockBytes = defaultBlockBytes): Promise<FileBlocks> {
    try {
      return new FileBlocks(await open(path, 'r'), path, offset, blockBytes);
    } catch (thrown) {
      throw fromSystemError(thrown, 'open', path);
    }
  }

  async fill(): Promise<void> {
    const kept = this.bytes.length;
    // A window that grows doubles, so that one long record is not copied block by block.
    const window = Buffer.allocUnsafe(kept + Math.max(this.#blockBytes, kept));
    this.bytes.copy(window);
    try {
      const { bytesRead } = await this.#handle.read(window, kept, window.length - kept, this.offset + kept);
      this.ended = bytesRead === 0;
      this.bytes = window.subarray(0, kept + bytesRead);
    } catch (thrown) {
      throw fromSystemError(thrown, 'read', this.#path);
    }
    this.ascii = isAscii(this.bytes);
  }

  consume(count: number): void {
    this.bytes = this.bytes.subarray(count);
    this.offset += count;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
