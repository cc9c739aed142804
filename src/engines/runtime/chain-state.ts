import type { Snapshot, StateChunk } from '../../stream/subtask.js';
import type { ChainState } from './protocol.js';

/** Encodes frozen state; the loop goes on meanwhile. */
export async function encodeSnapshots(snapshots: ReadonlyMap<string, Snapshot>): Promise<ChainState> {
  const state: Record<string, StateChunk[]> = {};
  for (const [uid, snapshot] of snapshots) {
    const chunks: StateChunk[] = [];
    for await (const { keyGroup, bytes } of snapshot.parts()) chunks.push({ keyGroup, bytes: own(bytes) });
    state[uid] = chunks;
  }
  return state;
}

/** Bytes that can be transferred: alone in their buffer, and not in shared memory. */
function own(bytes: Uint8Array): Uint8Array {
  // Not slice(): that of a Buffer is a view.
  return new Uint8Array(bytes);
}

/** A copy that can be transferred. */
export function ownState(state: ChainState): ChainState {
  return Object.fromEntries(Object.entries(state).map(([uid, chunks]) => [uid, chunks.map(({ keyGroup, bytes }) => ({ keyGroup, bytes: own(bytes) }))]));
}

export function transferables(state: ChainState): ArrayBuffer[] {
  return Object.values(state).flatMap((chunks) => chunks.map((chunk) => chunk.bytes.buffer as ArrayBuffer));
}
