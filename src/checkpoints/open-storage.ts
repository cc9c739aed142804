import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { MillraceError } from '../core/errors.js';
import { parseCheckpointName } from './checkpoint-name.js';
import { readLatest } from './checkpoint-repository.js';
import { DirectoryStorage, isCheckpointFolder } from './directory-storage.js';
import { readCheckpoint, type RestoredCheckpoint } from './read-checkpoint.js';
import type { CheckpointStorage } from './storage.js';

/** Opens the place at `location`: a directory. @throws OPTION_INVALID */
export function openStorage(location: string): Promise<CheckpointStorage> {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(location))
    throw new MillraceError('OPTION_INVALID', `checkpoints at ${location}: this kind of store is not known; give a directory`, { details: { location } });
  return Promise.resolve(new DirectoryStorage(location));
}

export interface RestoreRequest {
  /** 'latest', the folder of a checkpoint, or a folder with several: the newest of them. */
  readonly from: string;
  /** Where 'latest' is looked for. */
  readonly storage: CheckpointStorage;
  readonly warn: (message: string) => void;
}

/** @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_INVALID */
export async function resolveRestore({ from, storage, warn }: RestoreRequest): Promise<RestoredCheckpoint> {
  if (from === 'latest') return readLatest(storage, warn);
  const path = resolve(from);
  if (parseCheckpointName(basename(path)) !== undefined || (await isCheckpointFolder(path))) {
    if (!(await isFolder(path))) throw notFound(from);
    return readCheckpoint(new DirectoryStorage(dirname(path)), basename(path));
  }
  if (!(await isFolder(path))) throw notFound(from);
  return readLatest(new DirectoryStorage(path), warn);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function notFound(from: string): MillraceError {
  return new MillraceError('CHECKPOINT_NOT_FOUND', `${from}: no such checkpoint; give its folder, or 'latest'`, { details: { path: from } });
}
