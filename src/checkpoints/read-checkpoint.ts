import type { JobCut } from '../stream/checkpoint.js';
import type { StateChunk } from '../stream/subtask.js';
import { decodeManifest, invalid, manifestFile, stateFile, type Manifest } from './manifest.js';
import { decodeSection, stateMagic } from './state-section.js';
import type { CheckpointStorage, StoredFile } from './storage.js';

/** A checkpoint that was read and checked. */
export interface RestoredCheckpoint extends JobCut {
  readonly lineage: string;
  readonly location: string;
}

/** @throws CHECKPOINT_INVALID, FILE_NOT_FOUND */
export async function readManifest(storage: CheckpointStorage, name: string): Promise<Manifest> {
  const file = await storage.open(name, manifestFile);
  try {
    return decodeManifest(await file.read(0, file.bytes), `${storage.locate(name)}/${manifestFile}`);
  } finally {
    await file.close();
  }
}

/**
 * Reads a whole checkpoint and holds every byte against its hashes.
 *
 * @throws CHECKPOINT_INVALID naming the file and the operator
 */
export async function readCheckpoint(storage: CheckpointStorage, name: string): Promise<RestoredCheckpoint> {
  const manifest = await readManifest(storage, name);
  const state = new Map<string, readonly StateChunk[]>();
  await eachSection(storage, name, manifest, (uid, chunks) => state.set(uid, chunks));
  const { number, kind, takenAtMs, lineage, job, bundle, params, keyGroups, fingerprint } = manifest;
  const operators = manifest.operators.map(({ uid, name: shown, kind: operatorKind, role, parallelism }) => ({
    ...{ uid, name: shown, kind: operatorKind, parallelism },
    ...(role === undefined ? {} : { role }),
  }));
  return { number, kind, takenAtMs, lineage, job, bundle, params, keyGroups, fingerprint, operators, state, location: storage.locate(name) };
}

/** The same checks, without keeping the state. @throws CHECKPOINT_INVALID */
export async function verifyCheckpoint(storage: CheckpointStorage, name: string): Promise<Manifest> {
  const manifest = await readManifest(storage, name);
  await eachSection(storage, name, manifest, () => undefined);
  return manifest;
}

async function eachSection(storage: CheckpointStorage, name: string, manifest: Manifest, take: (uid: string, chunks: StateChunk[]) => void): Promise<void> {
  const where = `${storage.locate(name)}/${stateFile}`;
  const file = await storage.open(name, stateFile);
  try {
    await checkFrame(file, manifest, where);
    for (const operator of manifest.operators) {
      const bytes = await file.read(operator.offset, operator.bytes);
      take(operator.uid, decodeSection(bytes, operator, `${where}, operator ${operator.uid}`));
    }
  } finally {
    await file.close();
  }
}

async function checkFrame(file: StoredFile, { stateBytes }: Manifest, where: string): Promise<void> {
  if (file.bytes !== stateBytes) throw invalid(where, `${file.bytes} bytes, the manifest says ${stateBytes}`);
  const magic = await file.read(0, stateMagic.length);
  if (!Buffer.from(magic).equals(stateMagic)) throw invalid(where, 'it does not begin as a state file does');
}
