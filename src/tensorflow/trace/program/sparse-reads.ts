import { attr } from '../../saved-model/index.js';
import { handleOf } from './with-assignments.js';
import { leafOps, type Program, type ProgramNode, type Value } from './program.js';
import { rewrite } from './rewrite.js';

/**
 * Gathers rows of variables in place: a variable that is only gathered from, along its first dimension, is never read as a
 * whole. (A variable that is updated by rows is copied whole by every read of it.)
 */
export function gatherInPlace(program: Program, isVariable: (leaf: number) => boolean): Program {
  const whole = new Set<ProgramNode>();
  for (const { op, inputs } of program.nodes) {
    inputs.forEach(({ node }, i) => {
      if (node.op === leafOps.read && !(op === 'GatherV2' && i === 0)) whole.add(node);
    });
  }
  for (const { inputs, op, attrs } of program.nodes) if (op === 'GatherV2' && !isRowGather(inputs, attrs)) whole.add(inputs[0]!.node);
  for (const { node } of program.outputs) whole.add(node);
  const inPlace = new Set(
    program.nodes.filter(({ op, leaf }, i) => op === leafOps.read && isVariable(leaf) && !whole.has(program.nodes[i]!)).map(({ leaf }) => leaf),
  );
  if (inPlace.size === 0) return program;
  return rewrite(program, [
    ({ op, inputs, attrs, scope, outputs }, builder) => {
      const from = inputs[0]?.node;
      if (op !== 'GatherV2' || from?.op !== leafOps.read || !inPlace.has(from.leaf)) return undefined;
      const gather = { dtype: attrs['Tparams']!, Tindices: attrs['Tindices']!, batch_dims: attr.int(0), validate_indices: attr.bool(true) };
      return [builder.value({ op: 'ResourceGather', inputs: [handleOf(builder, from.leaf), inputs[1] as Value], attrs: gather, scope, outputs })];
    },
  ]);
}

function isRowGather(inputs: readonly Value[], attrs: ProgramNode['attrs']): boolean {
  const axis = inputs[2]?.node.constant?.data[0];
  const batchDims = attrs['batch_dims']?.value;
  return axis === 0 && (batchDims === undefined || (batchDims.$case === 'i' && batchDims.value === 0n));
}
