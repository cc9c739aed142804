import { readFileSync } from 'node:fs';
import type { CheckpointInfo, JobCut } from '../stream/checkpoint.js';
import { checkpointName } from './checkpoint-name.js';
import { encodeManifest, manifestFile, stateFile, type ManifestOperator } from './manifest.js';
import { encodeSection, stateMagic } from './state-section.js';
import type { CheckpointStorage } from './storage.js';

let version: string | undefined;

/** This package's version, for the manifest. */
function writtenBy(): string {
  version ??= (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
  return `millrace ${version}`;
}

/**
 * Writes a cut as a folder: the state file, then the manifest with its hashes.
 *
 * @throws DISK_FULL, IO_FAILED, UNAVAILABLE; nothing of it remains then
 */
export async function writeCheckpoint(storage: CheckpointStorage, lineage: string, cut: JobCut): Promise<CheckpointInfo> {
  const started = performance.now();
  const name = checkpointName(cut.kind, cut.number, lineage);
  const draft = await storage.begin(name);
  try {
    const operators: ManifestOperator[] = [];
    await draft.add(stateFile, stateOf(cut, operators));
    const last = operators.at(-1);
    const stateBytes = last === undefined ? stateMagic.length : last.offset + last.bytes;
    const { number, kind, takenAtMs, job, bundle, params, keyGroups, fingerprint } = cut;
    const manifest = encodeManifest({
      ...{ number, kind, takenAtMs, lineage, writtenBy: writtenBy(), job, bundle, params, keyGroups, fingerprint, stateBytes },
      operators,
    });
    await draft.add(manifestFile, [manifest]);
    await draft.commit();
    return { number, kind, location: storage.locate(name), takenAtMs, writeMs: performance.now() - started, bytes: stateBytes + manifest.byteLength };
  } finally {
    await draft.discard();
  }
}

/** The pieces of the state file; fills in `operators` on the way. */
function* stateOf(cut: JobCut, operators: ManifestOperator[]): Generator<Uint8Array> {
  yield stateMagic;
  let offset = stateMagic.length;
  for (const facts of cut.operators) {
    let bytes = 0;
    yield* encodeSection(cut.state.get(facts.uid) ?? [], (section) => {
      operators.push({ ...facts, offset, ...section });
      ({ bytes } = section);
    });
    offset += bytes;
  }
}
