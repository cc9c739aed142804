import type { Snapshot, StateChunk } from '../../stream/subtask.js';

/** What a node holds at a cut, each part a chunk that can move alone. The node does not keep the bytes. */
export function nodeSnapshot(parts: Iterable<Uint8Array>): Snapshot {
  return {
    *parts() {
      for (const bytes of parts) yield { keyGroup: -1, bytes, isGiven: true } satisfies StateChunk;
    },
  };
}
