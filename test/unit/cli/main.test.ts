import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { heapFloor } from '../../../src/engines/runtime/thread-heap.js';

test('the main thread of the command has the heap floor of its threads', () => {
  const main = readFileSync(new URL('../../../src/cli/main.js', import.meta.url), 'utf8');
  assert.equal(main.slice(0, main.indexOf('\n')), `#!/usr/bin/env -S node ${heapFloor}`);
});
