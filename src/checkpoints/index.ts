export { CheckpointRepository, listCheckpoints, readLatest, type RepositoryOptions } from './checkpoint-repository.js';
export { checkpointName, parseCheckpointName, type CheckpointName } from './checkpoint-name.js';
export { DirectoryStorage } from './directory-storage.js';
export { formatVersion, type Manifest, type ManifestOperator } from './manifest.js';
export { isUrl, openStorage, resolveRestore, splitLocation, type RestoreRequest } from './open-storage.js';
export { readCheckpoint, readManifest, verifyCheckpoint, type RestoredCheckpoint } from './read-checkpoint.js';
export type { S3Options } from './s3-storage.js';
export type { CheckpointStorage, FolderDraft, StoredFile } from './storage.js';
export { writeCheckpoint } from './write-checkpoint.js';
