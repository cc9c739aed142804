import type { JobVertex } from '../../stream/job-graph.js';
import { subtaskOfKeyGroup } from '../../stream/state/key-groups.js';
import type { StateChunk } from '../../stream/subtask.js';
import type { ChainState } from './protocol.js';

/** State of a whole job at a cut: chunks by operator uid, in order of subtask. */
export type JobState = ReadonlyMap<string, readonly StateChunk[]>;

export function mergeStates(states: readonly ChainState[]): JobState {
  const merged = new Map<string, StateChunk[]>();
  for (const state of states) {
    for (const [uid, chunks] of Object.entries(state)) {
      const all = merged.get(uid) ?? [];
      all.push(...chunks);
      merged.set(uid, all);
    }
  }
  return merged;
}

/** The share of each subtask of a vertex: key groups to their owner, other chunks round robin. */
export function dealState(state: JobState, vertex: JobVertex, keyGroups: number): ChainState[] {
  const shares = Array.from({ length: vertex.parallelism }, (): Record<string, StateChunk[]> => ({}));
  for (const { uid } of vertex.operators) {
    let next = 0;
    for (const chunk of state.get(uid) ?? []) {
      const target = chunk.keyGroup >= 0 ? subtaskOfKeyGroup(chunk.keyGroup, vertex.parallelism, keyGroups) : next++ % vertex.parallelism;
      const share = shares[target] as Record<string, StateChunk[]>;
      (share[uid] ??= []).push(chunk);
    }
  }
  return shares;
}
