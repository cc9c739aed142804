import { basename, dirname, resolve } from 'node:path';
import { MillraceError } from '../core/errors.js';
import { parseCheckpointName } from './checkpoint-name.js';
import { readLatest } from './checkpoint-repository.js';
import { DirectoryStorage } from './directory-storage.js';
import { readCheckpoint, type RestoredCheckpoint } from './read-checkpoint.js';
import type { S3Options } from './s3-storage.js';
import type { CheckpointStorage } from './storage.js';

/** True for what is no directory: s3://bucket/prefix. */
export function isUrl(location: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(location);
}

/** Opens the place at `location`: a directory, or s3://bucket/prefix. @throws OPTION_INVALID */
export async function openStorage(location: string, s3?: S3Options): Promise<CheckpointStorage> {
  if (!isUrl(location)) return new DirectoryStorage(location);
  if (!location.startsWith('s3://'))
    throw new MillraceError('OPTION_INVALID', `checkpoints at ${location}: this kind of store is not known; give a directory or s3://bucket/prefix`, {
      details: { location },
    });
  if (s3 === undefined) throw new MillraceError('OPTION_INVALID', `checkpoints at ${location}: no access key; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`);
  const { S3Storage } = await import('./s3-storage.js');
  return new S3Storage(location, s3);
}

/** The folder above, and the last part of the path. */
export function splitLocation(location: string): { readonly parent: string; readonly name: string } {
  if (!isUrl(location)) return { parent: dirname(resolve(location)), name: basename(resolve(location)) };
  const path = location.replace(/\/+$/, '');
  const at = path.lastIndexOf('/');
  return { parent: path.slice(0, at), name: path.slice(at + 1) };
}

export interface RestoreRequest {
  /** 'latest', the folder of a checkpoint, or a folder with several: the newest of them. */
  readonly from: string;
  /** Where 'latest' is looked for. */
  readonly storage: CheckpointStorage;
  /** To open another place. */
  readonly open: (location: string) => Promise<CheckpointStorage>;
  readonly warn: (message: string) => void;
}

/** @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_INVALID */
export async function resolveRestore({ from, storage, open, warn }: RestoreRequest): Promise<RestoredCheckpoint> {
  if (from === 'latest') return readLatest(storage, warn);
  const { parent, name } = splitLocation(from);
  const isNamed = parseCheckpointName(name) !== undefined;
  const place = await open(isNamed ? parent : from);
  const found = await place.list();
  if (isNamed ? !found.includes(name) : found.length === 0)
    throw new MillraceError('CHECKPOINT_NOT_FOUND', `${from}: no such checkpoint; give its folder, or 'latest'`, { details: { path: from } });
  return isNamed ? readCheckpoint(place, name) : readLatest(place, warn);
}
