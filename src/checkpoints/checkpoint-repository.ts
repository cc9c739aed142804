import { isMillraceError, MillraceError } from '../core/errors.js';
import type { CheckpointInfo, CheckpointStore, JobCut } from '../stream/checkpoint.js';
import { sortedNames, type CheckpointName } from './checkpoint-name.js';
import { readCheckpoint, type RestoredCheckpoint } from './read-checkpoint.js';
import type { CheckpointStorage } from './storage.js';
import { writeCheckpoint } from './write-checkpoint.js';

export interface RepositoryOptions {
  /** Id of the first run of this state: retention looks at checkpoints of the same lineage only. */
  readonly lineage: string;
  /** Newest checkpoints to keep; savepoints are kept beside them. */
  readonly retain: number;
  /** Opens another place for a savepoint. */
  readonly openTarget: (location: string) => Promise<CheckpointStorage>;
  readonly warn: (message: string) => void;
}

/** The checkpoints of one job in one storage: written, kept for a while, found again. */
export class CheckpointRepository implements CheckpointStore {
  constructor(
    private readonly storage: CheckpointStorage,
    private readonly options: RepositoryOptions,
  ) {}

  async write(cut: JobCut, target?: string): Promise<CheckpointInfo> {
    const { lineage, openTarget } = this.options;
    if (target === undefined) {
      const info = await writeCheckpoint(this.storage, lineage, cut);
      await this.#retain();
      return info;
    }
    const other = await openTarget(target);
    try {
      return await writeCheckpoint(other, lineage, cut);
    } finally {
      await other.close();
    }
  }

  /** Removes what is older than the newest `retain`. What cannot be removed is reported, and tried again next time. */
  async #retain(): Promise<void> {
    const { lineage, retain, warn } = this.options;
    try {
      const own = sortedNames(await this.storage.list()).filter((name) => name.kind !== 'savepoint' && name.lineage === lineage);
      for (const { name } of own.slice(retain)) await this.storage.remove(name);
    } catch (thrown) {
      warn(`old checkpoints in ${this.storage.location} cannot be removed: ${MillraceError.from(thrown).message}`);
    }
  }
}

/** Newest first. */
export async function listCheckpoints(storage: CheckpointStorage): Promise<CheckpointName[]> {
  return sortedNames(await storage.list());
}

/**
 * The newest checkpoint that is whole. A damaged one is reported, and the one before it is taken.
 *
 * @throws CHECKPOINT_NOT_FOUND where there is none, CHECKPOINT_INVALID where none is whole
 */
export async function readLatest(storage: CheckpointStorage, warn: (message: string) => void): Promise<RestoredCheckpoint> {
  const names = await listCheckpoints(storage);
  const newest = names[0];
  if (newest === undefined)
    throw new MillraceError('CHECKPOINT_NOT_FOUND', `no checkpoint in ${storage.location}; give its folder, or run without --restore`, {
      details: { location: storage.location },
    });
  const damaged: string[] = [];
  // Those of another run hold another state: they are not "the one before".
  for (const { name } of names.filter(({ lineage }) => lineage === newest.lineage)) {
    try {
      return await readCheckpoint(storage, name);
    } catch (thrown) {
      if (!isDamage(thrown)) throw thrown;
      damaged.push(thrown.message);
      warn(`${thrown.message}; the checkpoint before it is used`);
    }
  }
  throw new MillraceError('CHECKPOINT_INVALID', `no whole checkpoint in ${storage.location}:\n  ${damaged.join('\n  ')}`, {
    details: { location: storage.location, damaged },
  });
}

function isDamage(thrown: unknown): thrown is MillraceError {
  return isMillraceError(thrown) && (thrown.code === 'CHECKPOINT_INVALID' || thrown.code === 'FILE_NOT_FOUND');
}
