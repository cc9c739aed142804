import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMillraceError } from '../../../src/core/index.js';
import { t } from '../../../src/memory/schema.js';
import { encodeParams, param, resolveParams } from '../../../src/stream/params.js';

const job = {
  name: 'flights',
  params: {
    input: t.string(),
    workers: param(t.int32(), { default: 2, help: 'training threads' }),
    rate: param(t.float64(), { default: 0.5 }),
    dry: param(t.bool(), { default: false }),
    since: t.nullable(t.timestamp()),
    weights: param(t.vector(3), { default: new Float32Array(3) }),
    big: param(t.bigint(), { default: 1n }),
  },
};

test('text from --set becomes values of the declared types', () => {
  const values = resolveParams(job, {
    input: 'a.parquet',
    workers: '4',
    rate: '1e-3',
    dry: 'true',
    since: '2026-01-31T12:00:00Z',
    weights: '1, 2,3',
    big: '9007199254740993',
  });
  assert.deepEqual(values, {
    input: 'a.parquet',
    workers: 4,
    rate: 0.001,
    dry: true,
    since: new Date(Date.UTC(2026, 0, 31, 12)),
    weights: Float32Array.of(1, 2, 3),
    big: 9_007_199_254_740_993n,
  });
});

test('defaults are used for what is not set, and null for an optional parameter', () => {
  const values = resolveParams(job, { input: 'x' });
  assert.equal(values.workers, 2);
  assert.equal(values.since, null);
  assert.ok(Object.isFrozen(values));
});

test('every problem is reported at once, each naming its parameter', () => {
  assert.throws(
    () => resolveParams(job, { workers: '2.5', rate: 'fast', dry: 'yes', since: 'soon', weights: '1,2', big: 'x', wrokers: '3' }),
    (error: unknown) => {
      assert.ok(isMillraceError(error));
      assert.equal(error.code, 'PARAM_INVALID');
      assert.deepEqual(error.details['problems'], [
        'input: missing; give --set input=<string>',
        'workers: must be a whole number (got "2.5")',
        'rate: must be a number (got "fast")',
        'dry: must be true or false (got "yes")',
        'since: must be a time such as 2026-01-31T12:00:00Z (got "soon")',
        'weights: must be 3 numbers, not 2 (got "1,2")',
        'big: must be a whole number (got "x")',
        'wrokers: no such parameter; the job has input, workers, rate, dry, since, weights, big',
      ]);
      return true;
    },
  );
});

test('an integer outside the range of its dtype is refused', () => {
  assert.throws(() => resolveParams({ name: 'j', params: { n: t.uint8() } }, { n: '256' }), /n: must be 0\.\.255, the range of uint8 \(got "256"\)/);
  assert.throws(() => resolveParams({ name: 'j', params: { n: t.bigint() } }, { n: '9223372036854775808' }), /must fit in 64 bits/);
});

test('values survive JSON between processes', () => {
  const values = resolveParams(job, { input: 'x', since: '2026-01-31T12:00:00Z', weights: '1,2,3', big: '9007199254740993', rate: 'NaN' });
  const again = resolveParams(job, JSON.parse(JSON.stringify(encodeParams(values))) as Record<string, unknown>);
  assert.deepEqual(again, values);
});
