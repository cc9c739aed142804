import type { JobCut } from '../../../src/stream/checkpoint.js';
import type { StateChunk } from '../../../src/stream/subtask.js';

export function chunk(keyGroup: number, ...bytes: number[]): StateChunk {
  return { keyGroup, bytes: Uint8Array.from(bytes) };
}

/** A small cut; every second operator has no state. */
export function cutOf(number: number, change: Partial<JobCut> = {}): JobCut {
  return {
    number,
    kind: 'checkpoint',
    takenAtMs: 1_700_000_000_000 + number,
    job: { id: 'run1', name: 'count' },
    bundle: 'b'.repeat(64),
    params: { rate: 2000, output: 'out.jsonl' },
    keyGroups: 128,
    fingerprint: 'f'.repeat(64),
    operators: [
      { uid: 'numbers', name: 'numbers', kind: 'source', parallelism: 2 },
      { uid: 'map', name: 'map', kind: 'map', parallelism: 1 },
      { uid: 'count', name: 'count', kind: 'keyed', parallelism: 2 },
      { uid: 'worker', name: 'm worker', kind: 'role', role: 'worker', parallelism: 1 },
    ],
    state: new Map([
      ['numbers', [chunk(-1, 1, 2, 3), chunk(-1)]],
      ['map', []],
      ['count', [chunk(0, number), chunk(127, 1, 2, 3, 4, 5, 6, 7, 8)]],
      ['worker', [chunk(-1, ...Array.from({ length: 1000 }, (_, i) => i % 251))]],
    ]),
    ...change,
  };
}
