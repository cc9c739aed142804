import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMillraceError } from '../../../../src/core/index.js';
import { GraphDef } from '../../../../src/tensorflow/saved-model/generated/tensorflow.js';
import { attr, GraphDefBuilder } from '../../../../src/tensorflow/saved-model/index.js';

test('nodes survive the way through bytes, control inputs last', () => {
  const graph = new GraphDefBuilder();
  graph.placeholder('x', 'float32', [-1, 4]);
  graph.constant('w', { dtype: 'float32', shape: [4, 1], data: new Float32Array([1, 2, 3, 4]) });
  graph.add({ name: 'y', op: 'MatMul', inputs: ['^w', 'x', 'w'], attrs: { T: attr.type('float32'), transpose_a: attr.bool(false) } });
  const read = GraphDef.decode(graph.serialize());
  assert.deepEqual(
    read.node.map((node) => [node.name, node.op, node.input]),
    [
      ['x', 'Placeholder', []],
      ['w', 'Const', []],
      ['y', 'MatMul', ['x', 'w', '^w']],
    ],
  );
  assert.deepEqual(read.node[0]?.attr['shape']?.value, { $case: 'shape', value: { dim: [{ size: -1n }, { size: 4n }], unknownRank: false } });
});

test('a name that is taken or not valid is refused, and uniqueName finds a free one', () => {
  const graph = new GraphDefBuilder();
  graph.group('step', []);
  assert.throws(() => graph.group('step', []), /exists already/);
  assert.throws(() => graph.group('^step', []), /not a valid name/);
  assert.equal(graph.uniqueName('step'), 'step_1');
});

test('an input that no node has is reported with its reader when the graph is written', () => {
  const graph = new GraphDefBuilder();
  graph.identity('out', 'lost:1', 'float32');
  assert.throws(
    () => graph.serialize(),
    (thrown: unknown) => isMillraceError(thrown) && thrown.code === 'MODEL_INVALID' && /node "out" \(Identity\) reads "lost:1"/.test(thrown.message),
  );
});
