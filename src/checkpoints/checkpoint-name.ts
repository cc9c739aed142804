import type { CheckpointKind } from '../stream/checkpoint.js';

/** Name of the folder of a checkpoint: 'checkpoint-000000042-5f0c9a1b'. Numbers order all checkpoints of a job, whoever took them. */
export interface CheckpointName {
  readonly name: string;
  readonly kind: CheckpointKind;
  readonly number: number;
  readonly lineage: string;
}

const pattern = /^(checkpoint|savepoint|final)-(\d{9,})-([A-Za-z0-9]+)$/;

export function checkpointName(kind: CheckpointKind, number: number, lineage: string): string {
  return `${kind}-${String(number).padStart(9, '0')}-${lineage}`;
}

/** undefined for what is no checkpoint of ours. */
export function parseCheckpointName(name: string): CheckpointName | undefined {
  const match = pattern.exec(name);
  return match === null ? undefined : { name, kind: match[1] as CheckpointKind, number: Number(match[2]), lineage: match[3]! };
}

/** Newest first. */
export function sortedNames(names: readonly string[]): CheckpointName[] {
  return names.flatMap((name) => parseCheckpointName(name) ?? []).sort((a, b) => b.number - a.number || (a.name < b.name ? 1 : -1));
}
