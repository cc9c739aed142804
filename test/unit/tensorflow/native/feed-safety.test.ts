import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeedSafety } from '../../../../src/tensorflow/native/feed-safety.js';
import { attr } from '../../../../src/tensorflow/saved-model/index.js';
import type { FunctionDef, GraphDef, NodeDef } from '../../../../src/tensorflow/saved-model/generated/tensorflow.js';

const node = (name: string, op: string, input: string[], attributes: NodeDef['attr'] = {}): NodeDef => ({ name, op, input, device: '', attr: attributes });

function graphOf(nodes: NodeDef[], functions: FunctionDef[] = []): GraphDef {
  return { node: nodes, library: { function: functions }, versions: undefined };
}

test('a feed that only arithmetic reads may be read in place', () => {
  const graph = graphOf([node('x', 'Placeholder', []), node('flat', 'Reshape', ['x', 'shape']), node('y', 'MatMul', ['flat', 'w'])]);
  assert.equal(FeedSafety.ofGraph(graph).mayAlias('x'), true);
  assert.equal(FeedSafety.ofGraph(graph).mayAlias('x:0'), true);
});

test('a feed that reaches an assignment through views of itself is copied, one behind arithmetic is not', () => {
  const graph = graphOf([
    node('x', 'Placeholder', []),
    node('same', 'Identity', ['x']),
    node('keep', 'AssignVariableOp', ['v', 'same']),
    node('z', 'Placeholder', []),
    node('sum', 'AddV2', ['z', 'z']),
    node('keep_sum', 'AssignVariableOp', ['v', 'sum']),
  ]);
  const safety = FeedSafety.ofGraph(graph);
  assert.equal(safety.mayAlias('x'), false);
  assert.equal(safety.mayAlias('z'), true);
});

test('an operation that nobody has looked at makes its feed a copied one', () => {
  assert.equal(FeedSafety.ofGraph(graphOf([node('x', 'Placeholder', []), node('y', 'SomethingNew', ['x'])])).mayAlias('x'), false);
});

test('function bodies are searched from the argument that the feed becomes', () => {
  const arg = (name: string) => ({ name, type: 1, typeAttr: '', numberAttr: '', typeListAttr: '', isRef: false });
  const body: FunctionDef = {
    signature: { name: 'f', inputArg: [arg('kept'), arg('used')], outputArg: [], isStateful: true, controlOutput: [] },
    attr: {},
    nodeDef: [node('assign', 'AssignVariableOp', ['v', 'kept']), node('product', 'Mul', ['used', 'used'])],
    ret: {},
    controlRet: {},
  };
  const call = { f: attr.function('f') };
  const safety = FeedSafety.ofGraph(
    graphOf([node('a', 'Placeholder', []), node('b', 'Placeholder', []), node('call', 'StatefulPartitionedCall', ['a', 'b'], call)], [body]),
  );
  assert.equal(safety.mayAlias('a'), false);
  assert.equal(safety.mayAlias('b'), true);
});

test('without its graph every feed is copied', () => {
  assert.equal(FeedSafety.unknown().mayAlias('x'), false);
});
