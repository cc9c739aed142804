import { randomUUID } from 'node:crypto';
import { mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fromSystemError, MillraceError } from '../../core/index.js';
import { syncPath } from '../../core/files.js';

export interface FolderKind {
  /** For messages: "SavedModel". */
  readonly what: string;
  /** The file by which a folder of this kind is known. */
  readonly marker: string;
}

/**
 * Has `write` fill a new folder beside `dir`, then puts it in `dir`'s place; so `dir` is always whole, old or new, but for
 * the moment between two renames, in which it is missing. A folder of the same kind is replaced, an empty one, too.
 *
 * @throws MODEL_INVALID where `dir` holds something else; DISK_FULL, IO_FAILED; what `write` throws. Then `dir` is as before
 */
export async function replaceFolder(dir: string, kind: FolderKind, write: (folder: string) => Promise<void>): Promise<void> {
  const target = await realpath(dir).catch(() => resolve(dir));
  const there = await contentsOf(target, kind);
  const unfinished = `${target}.unfinished-${randomUUID()}`;
  try {
    await mkdir(unfinished, { recursive: true });
    await write(unfinished);
    await syncAll(unfinished);
    if (there === 'same kind') await swap(unfinished, target);
    else await rename(unfinished, target);
    await syncPath(dirname(target));
  } catch (thrown) {
    await rm(unfinished, { recursive: true, force: true });
    throw fromSystemError(thrown, kind.what, dir);
  }
}

async function contentsOf(target: string, { what, marker }: FolderKind): Promise<'nothing' | 'same kind'> {
  let names: string[];
  try {
    names = await readdir(target);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'nothing';
    if (code === 'ENOTDIR') throw new MillraceError('MODEL_INVALID', `${what} ${target}: it, or a part of its path, is a file; choose another folder`);
    throw fromSystemError(thrown, what, target);
  }
  if (names.length === 0) return 'nothing';
  if (names.includes(marker)) return 'same kind';
  const some = names.slice(0, 3).map((name) => `"${name}"`);
  throw new MillraceError('MODEL_INVALID', `${what} ${target}: the folder is not a ${what} and not empty (it has ${some.join(', ')}); choose another folder`, {
    details: { dir: target },
  });
}

async function swap(finished: string, target: string): Promise<void> {
  const old = `${target}.replaced-${randomUUID()}`;
  await rename(target, old);
  try {
    await rename(finished, target);
  } catch (thrown) {
    await rename(old, target);
    throw thrown;
  }
  await rm(old, { recursive: true, force: true });
}

async function syncAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? syncAll(path) : syncPath(path));
  }
  await syncPath(folder);
}
