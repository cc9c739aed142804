import assert from 'node:assert/strict';
import { test } from 'node:test';
import { regionsOf } from '../../../../src/engines/embedded/regions/regions.js';
import type { JobEdge, JobVertex } from '../../../../src/stream/job-graph.js';

interface Op {
  readonly uid: string;
  readonly cluster?: string;
  readonly role?: string;
}

function regions(vertices: readonly (readonly Op[])[], edges: readonly (readonly [number, number, string?])[]): string[] {
  const found = regionsOf({
    vertices: vertices.map((operators, id) => ({ id, operators }) as unknown as JobVertex),
    edges: edges.map(([from, to, kind = 'hash'], id) => ({ id, from, to, edge: { exchange: { kind }, feedback: kind === 'feedback' } }) as unknown as JobEdge),
  });
  return found.map(({ name, operators }) => `${name}: ${[...operators].join(' ')}`);
}

const op = (uid: string, more: Omit<Op, 'uid'> = {}): readonly Op[] => [{ uid, ...more }];

test('a connected graph is one region, with all operators of its chains', () => {
  assert.deepEqual(
    regions(
      [[{ uid: 'a' }, { uid: 'map' }], op('b'), op('c')],
      [
        [0, 1],
        [1, 2],
      ],
    ),
    ['a: a map b c'],
  );
});

test('pipelines without an edge between them are regions of their own, in the order of the graph', () => {
  const vertices = [op('a'), op('x'), op('b'), op('y'), op('alone')];
  assert.deepEqual(
    regions(vertices, [
      [0, 2],
      [1, 3],
    ]),
    ['a: a b', 'x: x y', 'alone: alone'],
  );
});

test('streams that meet late are one region', () => {
  assert.deepEqual(
    regions(
      [op('a'), op('b'), op('c'), op('d'), op('join')],
      [
        [0, 2],
        [1, 3],
        [3, 4],
        [2, 4],
      ],
    ),
    ['a: a b c d join'],
  );
});

test('control and feedback edges connect like any other', () => {
  const vertices = [op('a'), op('b'), op('c'), op('d')];
  assert.deepEqual(
    regions(vertices, [
      [0, 1, 'control'],
      [3, 2, 'feedback'],
    ]),
    ['a: a b', 'c: c d'],
  );
});

test('the nodes of a cluster and who reads its model are one region; another cluster is not', () => {
  const one = { cluster: 'one' };
  const vertices = [op('am', one), op('other-am', { cluster: 'two' }), op('source'), op('worker', one), op('events'), op('score', one), op('clock')];
  assert.deepEqual(
    regions(vertices, [
      [2, 3],
      [4, 5],
    ]),
    ['am: am source worker events score', 'other-am: other-am', 'clock: clock'],
  );
});

test('roles of no known cluster are one region', () => {
  assert.deepEqual(regions([op('am', { role: 'am' }), op('numbers'), op('worker', { role: 'worker' })], []), ['am: am worker', 'numbers: numbers']);
});
