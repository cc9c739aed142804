import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { durationMs } from '../../../src/core/duration-option.js';
import { isMillraceError, resolveOptions } from '../../../src/core/index.js';

const schema = z.strictObject({ size: z.number().int().min(1).default(512), every: durationMs.default(1000) });

test('defaults are filled in and the result is frozen', () => {
  const resolved = resolveOptions(schema, { every: '3 h' }, 'train "lateness"');
  assert.deepEqual(resolved, { size: 512, every: 10_800_000 });
  assert.ok(Object.isFrozen(resolved));
});

test('all problems are reported at once, each with its value', () => {
  assert.throws(
    () => resolveOptions(schema, { size: 0, every: 'soon', sise: 3 }, 'train "lateness"'),
    (error: unknown) => {
      assert.ok(isMillraceError(error));
      assert.equal(error.code, 'OPTION_INVALID');
      assert.match(error.message, /^train "lateness": /);
      assert.match(error.message, /size: .*got 0/);
      assert.match(error.message, /every: not a duration/);
      assert.match(error.message, /unknown option sise/);
      return true;
    },
  );
});
