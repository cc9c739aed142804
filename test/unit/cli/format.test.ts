import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { collectCounts, collectPairs, parsePort, parsePositiveInteger } from '../../../src/cli/commands/parse.js';
import { formatCount, formatDuration, formatHighlights, formatOperators, formatWatermark } from '../../../src/cli/view/format.js';
import type { OperatorStatus } from '../../../src/stream/engine.js';

const operator: OperatorStatus = {
  uid: 'a',
  name: 'an operator with a name that goes on and on and on, far beyond the width of a terminal',
  kind: 'map',
  role: 'worker',
  parallelism: 128,
  recordsIn: 123_456_789,
  recordsOut: 1_000,
  recordsPerSecond: 98_765_432,
  busy: 1,
  idle: 0,
  backpressured: 1,
  watermark: Date.UTC(2001, 1, 3, 4, 5),
  metrics: {},
};

test('counts are short and keep three digits', () => {
  assert.deepEqual([0, 950, 1_234, 1_234_567, 5e9, 0.5, NaN].map(formatCount), ['0', '950', '1.23k', '1.23M', '5.00G', '0.500', '-']);
});

test('durations use the units that a person would', () => {
  assert.deepEqual([3_200, 42_000, 75_500, 3_725_000].map(formatDuration), ['3.2s', '42s', '1m 16s', '1h 2m']);
});

test('a watermark is shown as a time, as the end, or as not there yet', () => {
  assert.deepEqual([Date.UTC(2001, 1, 3, 4, 5), Infinity, null, undefined, -Infinity].map(formatWatermark), ['2001-02-03 04:05', 'end', 'end', '-', '-']);
});

for (const width of [80, 100]) {
  test(`no line of the table is wider than ${width} columns`, () => {
    for (const line of formatOperators([operator, { ...operator, name: 'b', role: undefined }], width)) {
      const { length } = stripVTControlCharacters(line);
      assert.ok(length <= width, `${length}: ${line}`);
    }
  });
}

test('processes of an operator are named, threads are not', () => {
  assert.deepEqual(formatHighlights([{ ...operator, pids: [12, 345] }, { ...operator, role: 'ps', pids: [6] }, operator]), [
    'worker: processes 12, 345',
    'ps: process 6',
  ]);
});

test('command-line values of the wrong form are refused with what was wanted', () => {
  assert.equal(parsePositiveInteger('3'), 3);
  for (const text of ['0', '-1', '1.5', 'many']) assert.throws(() => parsePositiveInteger(text), /at least 1/);
  assert.equal(parsePort('0'), 0);
  for (const text of ['65536', '-1', 'http']) assert.throws(() => parsePort(text), /0 to 65535/);
  assert.deepEqual(collectPairs('b=2=3', { a: '1' }), { a: '1', b: '2=3' });
  assert.throws(() => collectPairs('=1', {}), /key=value/);
  assert.deepEqual(collectCounts('worker=4', { ps: 1 }), { ps: 1, worker: 4 });
});
