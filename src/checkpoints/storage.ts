/**
 * Where checkpoints lie: a port with an implementation for directories and one for S3-compatible stores.
 *
 * A storage holds folders with a few files each. A folder is there as a whole or not at all.
 */
export interface CheckpointStorage {
  /** For messages and for `--restore`: a directory, or s3://bucket/prefix. */
  readonly location: string;
  /** Names of complete folders, in no order. */
  list(): Promise<readonly string[]>;
  /** @throws IO_FAILED where a folder of this name is there */
  begin(name: string): Promise<FolderDraft>;
  /** @throws FILE_NOT_FOUND */
  open(name: string, file: string): Promise<StoredFile>;
  /** Removes a folder; harmless where it is gone. */
  remove(name: string): Promise<void>;
  /** Where a folder of this name lies. */
  locate(name: string): string;
  close(): Promise<void>;
}

/** A folder that is being written; nobody sees it before commit(). */
export interface FolderDraft {
  /** Writes one file. The manifest comes last: where there are no renames, its arrival is what completes the folder. */
  add(file: string, content: Iterable<Uint8Array>): Promise<void>;
  /** Everything is durable when this resolves. */
  commit(): Promise<void>;
  /** Leaves nothing behind; harmless after commit(). */
  discard(): Promise<void>;
}

export interface StoredFile {
  readonly bytes: number;
  /** Exactly `length` bytes. @throws CHECKPOINT_INVALID where the file ends before */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
