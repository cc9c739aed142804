import type { Snapshot, StateChunk } from '../../stream/subtask.js';
import type { ChainState } from './protocol.js';

/** The event loop gets its turn at least this often while state is encoded. */
const yieldEveryMs = 10;

/** Encodes frozen state; the loop goes on meanwhile. */
export async function encodeSnapshots(snapshots: ReadonlyMap<string, Snapshot>): Promise<ChainState> {
  const state: Record<string, StateChunk[]> = {};
  let yieldedAt = performance.now();
  for (const [uid, snapshot] of snapshots) {
    const chunks: StateChunk[] = [];
    for await (const chunk of snapshot.parts()) {
      chunks.push({ keyGroup: chunk.keyGroup, bytes: canBeMoved(chunk) ? chunk.bytes : own(chunk.bytes) });
      if (performance.now() - yieldedAt < yieldEveryMs) continue;
      await new Promise((resolve) => setImmediate(resolve));
      yieldedAt = performance.now();
    }
    state[uid] = chunks;
  }
  return state;
}

function canBeMoved({ bytes, isGiven }: StateChunk): boolean {
  return isGiven === true && bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
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
