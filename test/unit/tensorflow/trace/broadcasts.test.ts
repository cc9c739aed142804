import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attr } from '../../../../src/tensorflow/saved-model/index.js';
import { leafOps, ProgramBuilder, type Program, type Value } from '../../../../src/tensorflow/trace/program/program.js';
import { rewrite } from '../../../../src/tensorflow/trace/program/rewrite.js';
import { broadcasts } from '../../../../src/tensorflow/trace/program/rules/broadcasts.js';

const T = attr.type('float32');

function input(builder: ProgramBuilder, leaf: number, shape: readonly number[]): Value {
  return builder.value({ op: leafOps.input, leaf, outputs: [{ dtype: 'float32', shape }] });
}

function operation(builder: ProgramBuilder, op: string, inputs: readonly Value[], shape: readonly number[]): Value {
  return builder.value({ op, inputs, attrs: { T }, outputs: [{ dtype: 'float32', shape }] });
}

/** Operations of what is left, in order, with those that each reads from. */
function shapeOf(program: Program): string[] {
  return program.nodes.filter(({ op }) => op !== 'Const').map(({ op, inputs }) => [op, ...inputs.map(({ node }) => node.op)].join(' '));
}

function rewritten(builder: ProgramBuilder, output: Value): Program {
  return rewrite({ nodes: builder.nodes, outputs: [output], effects: [] }, [broadcasts]);
}

test('an operation with a value of the whole shape needs no broadcast, on either side', () => {
  for (const isFirst of [true, false]) {
    const builder = new ProgramBuilder();
    const [small, whole] = [input(builder, 0, [1, 1]), input(builder, 1, [-1, 4])];
    const wide = operation(builder, 'BroadcastTo', [small, builder.int32([7, 4])], [-1, 4]);
    const program = rewritten(builder, operation(builder, 'Sub', isFirst ? [wide, whole] : [whole, wide], [-1, 4]));
    assert.deepEqual(shapeOf(program), [leafOps.input, leafOps.input, `Sub ${leafOps.input} ${leafOps.input}`]);
    const [difference] = program.outputs;
    assert.deepEqual(
      difference!.node.inputs.map(({ node }) => node.leaf),
      isFirst ? [0, 1] : [1, 0],
    );
  }
});

test('an operation with a scalar comes before the broadcast', () => {
  const builder = new ProgramBuilder();
  const wide = operation(builder, 'BroadcastTo', [input(builder, 0, [1, 1]), builder.int32([7, 4])], [-1, 4]);
  const program = rewritten(builder, operation(builder, 'RealDiv', [wide, input(builder, 1, [])], [-1, 4]));
  assert.deepEqual(shapeOf(program), [leafOps.input, leafOps.input, `RealDiv ${leafOps.input} ${leafOps.input}`, 'BroadcastTo RealDiv Const']);
  assert.deepEqual(program.outputs[0]!.node.inputs[0]!.node.outputs[0]!.shape, [1, 1]);
});

test('a broadcast beside another one, or one that the operation broadcasts further, stays', () => {
  const builder = new ProgramBuilder();
  const wide = operation(builder, 'BroadcastTo', [input(builder, 0, [1]), builder.int32([4])], [4]);
  const program = rewritten(builder, operation(builder, 'Mul', [wide, input(builder, 1, [-1, 1])], [-1, 4]));
  assert.deepEqual(shapeOf(program).at(-1), `Mul BroadcastTo ${leafOps.input}`);
});
