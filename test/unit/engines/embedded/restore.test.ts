import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dealState, mergeStates } from '../../../../src/engines/embedded/restore.js';
import type { JobVertex } from '../../../../src/stream/job-graph.js';
import { keyGroupRange } from '../../../../src/stream/state/key-groups.js';

function vertexOf(uids: readonly string[], parallelism: number): JobVertex {
  const operators = uids.map((uid) => ({ uid }) as JobVertex['operators'][number]);
  return { id: 0, name: 'test', parallelism, operators, inner: [] };
}

test('every chunk goes to exactly one subtask: key groups to their owner, others round robin', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1, max: 127 })), fc.integer({ min: 1, max: 20 }), (groups, parallelism) => {
      const chunks = groups.map((keyGroup, i) => ({ keyGroup, bytes: Uint8Array.of(i) }));
      const shares = dealState(
        mergeStates([{ a: chunks.slice(0, 3) }, { a: chunks.slice(3), other: [{ keyGroup: -1, bytes: new Uint8Array() }] }]),
        vertexOf(['a', 'b'], parallelism),
        128,
      );
      assert.equal(shares.length, parallelism);
      const dealt = shares.flatMap((share) => share['a'] ?? []);
      assert.deepEqual(new Set(dealt), new Set(chunks));
      assert.equal(dealt.length, chunks.length);
      shares.forEach((share, index) => {
        assert.equal(share['other'], undefined);
        const range = keyGroupRange(index, parallelism, 128);
        for (const { keyGroup } of share['a'] ?? []) assert.ok(keyGroup === -1 || (keyGroup >= range.from && keyGroup < range.to));
      });
      const free = shares.map((share) => (share['a'] ?? []).filter(({ keyGroup }) => keyGroup === -1).length);
      assert.ok(Math.max(...free) - Math.min(...free) <= 1);
    }),
  );
});
