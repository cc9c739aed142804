import { mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fromSystemError, MillraceError } from '../core/errors.js';
import { pathExists, syncPath } from '../core/files.js';
import { isAlive } from '../core/is-alive.js';
import type { CheckpointStorage, FolderDraft, StoredFile } from './storage.js';

const draftPrefix = '.writing-';
const removedPrefix = '.removed-';
/** Bytes gathered for one write. */
const writeBytes = 1024 * 1024;
/** Pieces of one write: what every system takes. */
const mostPieces = 1024;

/**
 * A directory, local or shared.
 *
 * ```
 *  <root>/.writing-<name>-<process>/   files written and synced one by one
 *  <root>/<name>/                      after the rename; the directory is synced, too
 * ```
 */
export class DirectoryStorage implements CheckpointStorage {
  readonly location: string;
  #isSwept = false;

  constructor(root: string) {
    this.location = resolve(root);
  }

  async list(): Promise<readonly string[]> {
    const entries = await readdir(this.location, { withFileTypes: true }).catch(orEmpty);
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  }

  async begin(name: string): Promise<FolderDraft> {
    const target = join(this.location, name);
    const draft = join(this.location, `${draftPrefix}${name}-${hostname()}-${process.pid}`);
    try {
      await mkdir(this.location, { recursive: true });
      await this.#sweep();
      if (await pathExists(target))
        throw new MillraceError('IO_FAILED', `checkpoint ${target}: there is one of this name; another run writes to this directory`);
      await rm(draft, { recursive: true, force: true });
      await mkdir(draft);
    } catch (thrown) {
      throw fromSystemError(thrown, 'checkpoint', target);
    }
    return new DirectoryDraft(draft, target);
  }

  async open(name: string, file: string): Promise<StoredFile> {
    const path = join(this.location, name, file);
    try {
      const handle = await open(path, 'r');
      return new OpenFile(path, handle, (await handle.stat()).size);
    } catch (thrown) {
      throw fromSystemError(thrown, 'checkpoint', path);
    }
  }

  async remove(name: string): Promise<void> {
    const aside = join(this.location, removedPrefix + name);
    try {
      // Gone for readers at once, whatever becomes of its files.
      await rename(join(this.location, name), aside);
      await rm(aside, { recursive: true, force: true });
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw fromSystemError(thrown, 'remove checkpoint', this.locate(name));
    }
  }

  locate(name: string): string {
    return join(this.location, name);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Clears away what processes of this host left behind that are no more. */
  async #sweep(): Promise<void> {
    if (this.#isSwept) return;
    this.#isSwept = true;
    for (const name of await readdir(this.location)) {
      const isDraft = name.startsWith(draftPrefix) && name.includes(`-${hostname()}-`);
      const pid = Number(name.slice(name.lastIndexOf('-') + 1));
      if (name.startsWith(removedPrefix) || (isDraft && !isAlive(pid))) await rm(join(this.location, name), { recursive: true, force: true });
    }
  }
}

class DirectoryDraft implements FolderDraft {
  #isCommitted = false;

  constructor(
    private readonly draft: string,
    private readonly target: string,
  ) {}

  async add(file: string, content: Iterable<Uint8Array>): Promise<void> {
    const path = join(this.draft, file);
    try {
      const handle = await open(path, 'wx');
      try {
        for (const pieces of gathered(content)) await writeAll(handle, pieces);
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      throw fromSystemError(thrown, 'write checkpoint', path);
    }
  }

  async commit(): Promise<void> {
    try {
      await syncPath(this.draft);
      await rename(this.draft, this.target);
      this.#isCommitted = true;
      await syncPath(dirname(this.target));
    } catch (thrown) {
      throw fromSystemError(thrown, 'complete checkpoint', this.target);
    }
  }

  async discard(): Promise<void> {
    if (!this.#isCommitted) await rm(this.draft, { recursive: true, force: true }).catch(() => undefined);
  }
}

class OpenFile implements StoredFile {
  constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    readonly bytes: number,
  ) {}

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    try {
      for (let done = 0; done < length;) {
        const { bytesRead } = await this.handle.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw new MillraceError('CHECKPOINT_INVALID', `${this.path}: ends at byte ${offset + done}, ${offset + length} were expected`);
        done += bytesRead;
      }
    } catch (thrown) {
      throw fromSystemError(thrown, 'read checkpoint', this.path);
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Many small pieces for one write; none is copied. */
function* gathered(content: Iterable<Uint8Array>): Generator<Uint8Array[]> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of content) {
    waiting.push(piece);
    bytes += piece.byteLength;
    if (bytes < writeBytes && waiting.length < mostPieces) continue;
    yield waiting;
    waiting = [];
    bytes = 0;
  }
  if (bytes > 0) yield waiting;
}

async function writeAll(handle: FileHandle, pieces: Uint8Array[]): Promise<void> {
  // The operating system may take less than was asked for, as it does when a disk fills up.
  for (let left = pieces; left.length > 0;) left = behind(left, (await handle.writev(left)).bytesWritten);
}

/** What is left of the pieces behind their first `bytes`. */
function behind(pieces: Uint8Array[], bytes: number): Uint8Array[] {
  let skipped = 0;
  for (const [i, piece] of pieces.entries()) {
    if (skipped + piece.byteLength > bytes) return [piece.subarray(bytes - skipped), ...pieces.slice(i + 1)];
    skipped += piece.byteLength;
  }
  return [];
}

function orEmpty(thrown: NodeJS.ErrnoException): never[] {
  if (thrown.code === 'ENOENT') return [];
  throw fromSystemError(thrown, 'checkpoints');
}
