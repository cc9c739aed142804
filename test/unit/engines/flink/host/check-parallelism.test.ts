import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkParallelism } from '../../../../../src/engines/flink/host/check-parallelism.js';
import type { OperatorNode } from '../../../../../src/stream/graph.js';

const chain = (...limits: (number | undefined)[]): Parameters<typeof checkParallelism>[0] => ({
  name: 'map -> parquet',
  operators: limits.map((maxParallelism) => ({ maxParallelism }) as OperatorNode),
});

test('a chain runs in the least parallelism that its operators allow, and no more', () => {
  checkParallelism(chain(undefined, 3, 2), 2);
  checkParallelism(chain(undefined), 1_000);
  assert.throws(() => checkParallelism(chain(undefined, 3, 2), 3), {
    code: 'OPTION_INVALID',
    message: /^map -> parquet runs in parallelism 2 at most, Flink runs 3 of it; give its vertex an upperBound of 2/,
    details: { parallelism: 3, limit: 2 },
  });
});
