import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../../../src/core/errors.js';
import { FirstCause } from '../../../../src/engines/runtime/first-cause.js';

test('the earliest failure is the cause, in whatever order they are heard of', () => {
  const first = new FirstCause();
  first.add(new MillraceError('USER_FUNCTION', 'late'), 20);
  first.add(new MillraceError('USER_FUNCTION', 'early'), 10);
  first.add(new MillraceError('USER_FUNCTION', 'latest'), 30);
  assert.equal(first.cause?.message, 'early');
});

test('an error that only tells of a peer yields to one that says why', () => {
  const first = new FirstCause();
  first.add(new MillraceError('UNAVAILABLE', 'ps-0 is gone'), 10);
  first.add(new MillraceError('THREAD_LOST', 'ps-0 ran out of memory'), 15);
  first.add(new MillraceError('CANCELLED', 'told to stop'), 5);
  assert.equal(first.cause?.code, 'THREAD_LOST');
});
