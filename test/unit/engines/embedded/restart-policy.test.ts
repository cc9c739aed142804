import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../../../src/core/index.js';
import { RestartPolicy, type RestartDecision } from '../../../../src/engines/embedded/restart-policy.js';
import { restartSettings, restartStrategy, type RestartStrategy } from '../../../../src/stream/restart-options.js';

function policy(strategy: RestartStrategy, roles: Readonly<Record<string, RestartStrategy>> = {}): RestartPolicy {
  const parsed = Object.fromEntries(Object.entries(roles).map(([role, each]) => [role, restartStrategy.parse(each)]));
  return new RestartPolicy({ otherwise: restartStrategy.parse(strategy), roles: parsed });
}

const failure = (message: string): MillraceError => new MillraceError('THREAD_LOST', message);
const delay = (decision: RestartDecision): number | string => (decision.restart ? decision.delayMs : decision.error.message);

test('none: the first failure ends the job, as it is', () => {
  const none = policy({ strategy: 'none' });
  const cause = failure('first');
  assert.equal(none.restarts, false);
  assert.deepEqual(none.decide(cause, undefined, 0), { restart: false, error: cause });
});

test('fixedDelay: so many restarts, then the first cause with the last one beside it', () => {
  const fixed = policy({ strategy: 'fixedDelay', attempts: 2, delay: '5 s' });
  assert.deepEqual(
    [1, 2].map((n) => delay(fixed.decide(failure(`failure ${n}`), undefined, n))),
    [5_000, 5_000],
  );
  assert.equal(
    delay(fixed.decide(failure('failure 3'), undefined, 3)),
    'failure 1 (restarted 2 times, the limit is 2 restarts; the last failure was: failure 3)',
  );
  assert.equal(fixed.count, 2);
});

test('a streak ends after a minute without a failure: what came before is not the cause', () => {
  const fixed = policy({ strategy: 'fixedDelay', attempts: 1, delay: 0 });
  assert.equal(delay(fixed.decide(failure('old'), undefined, 0)), 0);
  assert.equal(delay(fixed.decide(failure('new'), undefined, 60_001)), 0);
  assert.equal(delay(fixed.decide(failure('new'), undefined, 60_002)), 'new (restarted 1 times, the limit is 1 restarts)');
});

test('exponentialBackoff: waits grow to their limit, and a quiet time sets them back', () => {
  const backoff = policy({ strategy: 'exponentialBackoff', initialDelay: 100, factor: 3, maxDelay: 1_000, resetAfter: '10 s' });
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => delay(backoff.decide(failure('x'), undefined, n))),
    [100, 300, 900, 1_000],
  );
  assert.equal(delay(backoff.decide(failure('x'), undefined, 10_004)), 100);
});

test('failureRate: any number, but not too many at a time', () => {
  const rate = policy({ strategy: 'failureRate', failures: 2, per: '1 s', delay: 7 });
  assert.deepEqual(
    [0, 600, 1_200, 1_800].map((at) => delay(rate.decide(failure('x'), undefined, at))),
    [7, 7, 7, 7],
  );
  assert.match(
    String(delay(rate.decide(failure('y'), undefined, 1_900))),
    /^x \(restarted 2 times, the limit is 2 failures within 1000 ms; the last failure was: y\)$/,
  );
});

test('each role has its own count and strategy', () => {
  const own = policy(
    { strategy: 'fixedDelay', attempts: 1, delay: 1 },
    { worker: { strategy: 'fixedDelay', attempts: 1, delay: 2 }, ps: { strategy: 'none' } },
  );
  assert.deepEqual(
    ['worker', undefined].map((role) => delay(own.decide(failure('x'), role, 0))),
    [2, 1],
  );
  assert.equal(delay(own.decide(failure('shard gone'), 'ps', 1)), 'shard gone');
  assert.match(String(delay(own.decide(failure('x'), 'worker', 2))), /the limit of role worker is 1 restarts/);
  assert.match(String(delay(own.decide(failure('x'), 'am', 3))), /the limit is 1 restarts/);
});

test('what another attempt cannot mend ends the job at once', () => {
  const fixed = policy({ strategy: 'fixedDelay' });
  const cause = new MillraceError('STATE_INVALID', 'no state of mine');
  assert.deepEqual(fixed.decide(cause, undefined, 0), { restart: false, error: cause });
});

test('a job that takes checkpoints restarts by default, another one does not', () => {
  assert.equal(restartSettings(undefined, undefined, true).otherwise.strategy, 'exponentialBackoff');
  assert.equal(restartSettings(undefined, undefined, false).otherwise.strategy, 'none');
});

test('what fails elsewhere before a restart begins goes along with it and is not counted; a lasting failure is', () => {
  const fixed = policy({ strategy: 'fixedDelay', attempts: 1, delay: 100 }, { ps: { strategy: 'fixedDelay', attempts: 1, delay: 5 } });
  assert.equal(fixed.joined(failure('a'), undefined, 0), undefined);
  assert.equal(delay(fixed.decide(failure('a'), undefined, 0)), 100);
  assert.deepEqual(fixed.joined(failure('b'), 'worker', 40), { restart: true, delayMs: 60 });
  assert.equal(fixed.joined(failure('b'), 'ps', 40), undefined);
  assert.equal(fixed.joined(new MillraceError('STATE_MISMATCH', 'c'), undefined, 40), undefined);
  assert.equal(fixed.joined(failure('d'), undefined, 100), undefined);
  assert.equal(fixed.count, 1);
  assert.match(String(delay(fixed.decide(failure('d'), undefined, 100))), /^a \(restarted 1 times/);
});
