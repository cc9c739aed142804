import { attr } from '../../saved-model/index.js';
import { leafOps, ProgramBuilder, specOf, type Program, type ProgramNode, type Value } from './program.js';

/** What follows the outputs of a program: new values of variables, by number. */
interface Assigning {
  readonly program: Program;
  readonly outputs: readonly unknown[];
  /** Numbers of the variables whose new values follow the outputs. */
  readonly assigned: readonly number[];
}

/** The program with the values that follow its outputs assigned to their variables. */
export function withEffects({ program: { nodes, outputs, effects }, outputs: { length }, assigned }: Assigning): Program {
  const builder = new ProgramBuilder();
  const values = outputs.slice(length, length + assigned.length);
  const added = values.map((value, i): ProgramNode =>
    builder.add({
      op: 'AssignVariableOp',
      inputs: [handleOf(builder, assigned[i]!, nodes), value],
      attrs: { dtype: attr.type(specOf(value).dtype), validate_shape: attr.bool(false) },
      scope: value.node.scope,
      outputs: [],
    }),
  );
  return writesAfterReads({ nodes: [...nodes, ...builder.nodes], outputs: outputs.slice(0, length), effects: [...effects, ...added] });
}

/**
 * Each node that writes a variable after all that read it: a read must not see what the same call writes. Most writes need
 * what they wait for anyway, but the gradient of a linear function, say, does not depend on its variables.
 */
function writesAfterReads({ nodes, outputs, effects }: Program): Program {
  const readers = new Map<number, ProgramNode[]>();
  for (const node of nodes) {
    if (node.outputs.length === 0) continue;
    const read = node.op === leafOps.read ? [node.leaf] : handlesOf(node);
    for (const variable of read) readers.set(variable, [...(readers.get(variable) ?? []), node]);
  }
  const moved = new Map<ProgramNode, ProgramNode>();
  const later = nodes.map((node) => {
    const reads = node.outputs.length > 0 ? [] : handlesOf(node).flatMap((variable) => readers.get(variable) ?? []);
    const after = [...new Set([...node.after.map((each) => moved.get(each) ?? each), ...reads])];
    // Only writes change, and nobody reads from those.
    const next = after.length === 0 ? node : { ...node, after };
    moved.set(node, next);
    return next;
  });
  return { nodes: later, outputs, effects: effects.map((node) => moved.get(node)!) };
}

function handlesOf({ inputs }: ProgramNode): number[] {
  return inputs.filter(({ node }) => node.op === leafOps.handle).map(({ node }) => node.leaf);
}

/** The handle of a variable, in `builder`. */
export function handleOf(builder: ProgramBuilder, variable: number, nodes: readonly ProgramNode[] = []): Value {
  const isHandle = ({ op, leaf }: ProgramNode): boolean => op === leafOps.handle && leaf === variable;
  const known = builder.nodes.find(isHandle) ?? nodes.find(isHandle);
  if (known !== undefined) return { node: known, index: 0 };
  return builder.value({ op: leafOps.handle, leaf: variable, outputs: [{ dtype: 'resource', shape: [] }] });
}
