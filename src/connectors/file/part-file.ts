import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import { pathExists, syncPath } from '../../core/files.js';
import { unfinishedSuffix } from './paths.js';

/**
 * One file being written.
 *
 * ```
 *  <path>.inprogress   grows; a restore truncates it to the length it had at the cut
 *  <path>              after finish(): complete, and never written again
 * ```
 */
export class PartFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #written: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** Bytes that are durable. */
  #synced = 0;

  private constructor(path: string, handle: FileHandle, written: number) {
    this.path = path;
    this.#handle = handle;
    this.#written = written;
  }

  /** Begins a file, in place of an unfinished one of the same name, which whoever has it open keeps to himself. @throws DISK_FULL, IO_FAILED */
  static create(path: string): Promise<PartFile> {
    return PartFile.#open(path, 'w');
  }

  /** Begins a file whose name is new. @returns undefined where it is taken, also by a finished file @throws DISK_FULL, IO_FAILED */
  static async createNew(path: string): Promise<PartFile | undefined> {
    let file: PartFile;
    try {
      file = await PartFile.#open(path, 'wx');
    } catch (thrown) {
      if (((thrown as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'EEXIST') return undefined;
      throw thrown;
    }
    // An unfinished file that gets its name meanwhile has one of the two names at any time.
    if (!(await pathExists(path))) return file;
    await file.close();
    await rm(path + unfinishedSuffix);
    return undefined;
  }

  static async #open(path: string, flags: 'w' | 'wx'): Promise<PartFile> {
    try {
      await mkdir(dirname(path), { recursive: true });
      // A device or a link stays where it is: somebody put it there.
      if (flags === 'w' && (await isFile(path + unfinishedSuffix))) await rm(path + unfinishedSuffix, { force: true });
      const handle = await open(path + unfinishedSuffix, flags);
      await syncPath(dirname(path));
      return new PartFile(path, handle, 0);
    } catch (thrown) {
      throw fromSystemError(thrown, 'create', path + unfinishedSuffix);
    }
  }

  /**
   * Goes on with a file at `bytes`; what was written after that is cut off. A file that got its name after the cut, because
   * an older cut than the last is restored, is taken back.
   *
   * @param copies the file is copied (by reference where the file system can), so that whoever still has the old one open writes to nobody
   * @throws STATE_INVALID where the file is gone or shorter than that
   */
  static async resume(path: string, bytes: number, copies = false): Promise<PartFile> {
    const unfinished = path + unfinishedSuffix;
    try {
      if (!(await pathExists(unfinished)) && (await pathExists(path))) await rename(path, unfinished);
      const { size } = await stat(unfinished);
      if (size < bytes)
        throw new MillraceError('STATE_INVALID', `${unfinished}: has ${size} bytes, the cut has ${bytes}; it was changed by somebody else`, {
          details: { path, size, bytes },
        });
      if (copies) return new PartFile(path, await PartFile.#copy(unfinished, bytes), bytes);
      const handle = await open(unfinished, 'r+');
      await handle.truncate(bytes);
      return new PartFile(path, handle, bytes);
    } catch (thrown) {
      throw fromSystemError(thrown, 'resume', unfinished);
    }
  }

  /** The first bytes of a file, in a new one that has taken its name when they are durable. */
  static async #copy(path: string, bytes: number): Promise<FileHandle> {
    const copy = `${path}.copy`;
    await rm(copy, { force: true });
    await copyFile(path, copy, constants.COPYFILE_FICLONE);
    const handle = await open(copy, 'r+');
    try {
      await handle.truncate(bytes);
      await handle.sync();
      await rename(copy, path);
      await syncPath(dirname(path));
      return handle;
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
  }

  /** Bytes appended, pending ones included. */
  get bytes(): number {
    return this.#written + this.#pendingBytes;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  append(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.byteLength;
  }

  /** @throws DISK_FULL, IO_FAILED */
  async flush(): Promise<void> {
    if (this.#pendingBytes === 0) return;
    const bytes = this.#pending.length === 1 ? (this.#pending[0] as Uint8Array) : Buffer.concat(this.#pending);
    try {
      // The operating system may take less than was asked for, as it does when a disk fills up.
      for (let done = 0; done < bytes.byteLength;) done += (await this.#handle.write(bytes, done, bytes.byteLength - done, this.#written + done)).bytesWritten;
    } catch (thrown) {
      throw fromSystemError(thrown, 'write', this.path + unfinishedSuffix);
    }
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#written += bytes.byteLength;
  }

  /** Flushes and makes the bytes durable: a cut that names them must not outlive them. */
  async sync(): Promise<void> {
    await this.flush();
    if (this.#synced === this.#written) return;
    const { bytes } = this;
    try {
      await this.#handle.datasync();
    } catch (thrown) {
      throw fromSystemError(thrown, 'sync', this.path + unfinishedSuffix);
    }
    this.#synced = bytes;
  }

  /** Flushes, makes the bytes durable and closes; the file keeps its unfinished name until {@link publish}. */
  async seal(): Promise<void> {
    await this.flush();
    try {
      await this.#handle.sync();
    } catch (thrown) {
      throw fromSystemError(thrown, 'sync', this.path + unfinishedSuffix);
    } finally {
      await this.#handle.close();
    }
  }

  /** Closes without flushing. */
  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isFile() === true;
}

/** Gives a sealed file its final name, in place of an older one. Harmless where that was done before. */
export async function publish(path: string): Promise<void> {
  try {
    await rename(path + unfinishedSuffix, path);
    await syncPath(dirname(path));
  } catch (thrown) {
    const done = (thrown as NodeJS.ErrnoException).code === 'ENOENT' && (await stat(path).catch(() => undefined)) !== undefined;
    if (!done) throw fromSystemError(thrown, 'rename', path + unfinishedSuffix);
  }
}
