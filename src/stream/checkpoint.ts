import type { JobGraph } from './job-graph.js';
import type { StateChunk } from './subtask.js';

/** State of a whole job at a cut: chunks by operator uid. Every operator of the job has an entry, also an empty one. */
export type CutState = ReadonlyMap<string, readonly StateChunk[]>;

/**
 * - `checkpoint`: taken by itself, dropped when newer ones are there;
 * - `savepoint`: asked for by somebody, kept until somebody removes it;
 * - `final`: at the end of the input, or when the job was drained.
 */
export type CheckpointKind = 'checkpoint' | 'savepoint' | 'final';

/** What a checkpoint says of an operator, to be held against the graph that restores it. */
export interface OperatorFacts {
  readonly uid: string;
  readonly name: string;
  readonly kind: string;
  readonly role?: string | undefined;
  readonly parallelism: number;
}

/** A cut with all that a later run must know. */
export interface JobCut {
  /** Number of the cut; a job that continues counts on from there. */
  readonly number: number;
  readonly kind: CheckpointKind;
  readonly takenAtMs: number;
  readonly job: { readonly id: string; readonly name: string };
  /** Hash of the bundled job file. */
  readonly bundle: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly keyGroups: number;
  /** Of the planned graph. */
  readonly fingerprint: string;
  readonly operators: readonly OperatorFacts[];
  readonly state: CutState;
}

/** A checkpoint that was made durable. */
export interface CheckpointInfo {
  readonly number: number;
  readonly kind: CheckpointKind;
  /** Give it to `millrace run --restore`. */
  readonly location: string;
  readonly takenAtMs: number;
  /** Time that writing took. */
  readonly writeMs: number;
  readonly bytes: number;
}

/** Where an engine makes its cuts durable. */
export interface CheckpointStore {
  /**
   * Writes a cut; it is there as a whole or not at all. Reads `cut.state` until it resolves, and keeps nothing of it.
   *
   * @param target where, other than in the store's own place
   * @throws DISK_FULL, IO_FAILED, UNAVAILABLE
   */
  write(cut: JobCut, target?: string): Promise<CheckpointInfo>;
}

export function operatorFacts({ vertices }: Pick<JobGraph, 'vertices'>): OperatorFacts[] {
  return vertices.flatMap(({ operators, parallelism }) =>
    operators.map(({ uid, name, kind, role }) => ({ uid, name, kind, ...(role === undefined ? {} : { role }), parallelism })),
  );
}

export function stateBytes(state: CutState): number {
  let bytes = 0;
  for (const chunks of state.values()) for (const chunk of chunks) bytes += chunk.bytes.byteLength;
  return bytes;
}
