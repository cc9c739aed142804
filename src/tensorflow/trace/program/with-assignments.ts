import { attr } from '../../saved-model/index.js';
import { leafOps, ProgramBuilder, specOf, type Program, type ProgramNode, type Value } from './program.js';

/** What follows the outputs of a program: new values of variables, by number. */
interface Assigning {
  readonly program: Program;
  readonly outputs: readonly unknown[];
  /** Numbers of the variables whose new values follow the outputs. */
  readonly assigned: readonly number[];
}

/**
 * The program with the values that follow its outputs assigned to their variables, each after the call has read the
 * variable: a read must not see what the same call writes.
 */
export function withEffects({ program: { nodes, outputs, effects }, outputs: { length }, assigned }: Assigning): Program {
  const builder = new ProgramBuilder();
  const values = outputs.slice(length, length + assigned.length);
  const added = values.map((value, i): ProgramNode => {
    const variable = assigned[i]!;
    return builder.add({
      op: 'AssignVariableOp',
      inputs: [handleOf(builder, variable, nodes), value],
      attrs: { dtype: attr.type(specOf(value).dtype), validate_shape: attr.bool(false) },
      after: nodes.filter(({ op, leaf }) => op === leafOps.read && leaf === variable),
      scope: value.node.scope,
      outputs: [],
    });
  });
  return { nodes: [...nodes, ...builder.nodes], outputs: outputs.slice(0, length), effects: [...effects, ...added] };
}

/** The handle of a variable, in `builder`. */
export function handleOf(builder: ProgramBuilder, variable: number, nodes: readonly ProgramNode[] = []): Value {
  const isHandle = ({ op, leaf }: ProgramNode): boolean => op === leafOps.handle && leaf === variable;
  const known = builder.nodes.find(isHandle) ?? nodes.find(isHandle);
  if (known !== undefined) return { node: known, index: 0 };
  return builder.value({ op: leafOps.handle, leaf: variable, outputs: [{ dtype: 'resource', shape: [] }] });
}
