import { GraphDefBuilder, attr } from '../../saved-model/index.js';
import type { TensorDtype } from '../../tensor-value.js';
import { leafOps, specOf, type Program, type ProgramNode, type Value } from './program.js';

/** What the leaves of a program become in a graph. */
export interface LeafNames {
  /** Tensor that is fed for an input. */
  input(leaf: number): string;
  /** Tensor of a variable's value, and its handle. */
  read(leaf: number): string;
  handle(leaf: number): string;
}

export interface EmittedProgram {
  /** Tensors to fetch, in the order of the program's outputs. */
  readonly outputs: readonly string[];
  /** Nodes to run, in the order of its effects. */
  readonly effects: readonly string[];
}

/** Adds a program to a graph, below `prefix` ('' or ending in '/'). */
export function emitProgram(program: Program, graph: GraphDefBuilder, leaves: LeafNames, prefix = ''): EmittedProgram {
  const names = new Map<ProgramNode, string>();
  const tensor = ({ node, index }: Value): string => {
    const name = names.get(node)!;
    return index === 0 ? name : `${name}:${index}`;
  };
  for (const node of program.nodes) names.set(node, leafName(node, leaves) ?? addNode(node));
  return {
    // Identities, so that no fetch is a placeholder, whose memory may be the caller's.
    outputs: program.outputs.map((value, i) => graph.identity(graph.uniqueName(`${prefix}output_${i}`), tensor(value), specOf(value).dtype)),
    effects: program.effects.map((node) => names.get(node)!),
  };

  function addNode(node: ProgramNode): string {
    const inputs = [...node.inputs.map(tensor), ...node.after.map((each) => `^${names.get(each)!.replace(/:\d+$/, '')}`)];
    return graph.add({ name: graph.uniqueName(`${prefix}${nodeName(node)}`), op: node.op, inputs, attrs: node.attrs });
  }
}

function leafName({ op, leaf }: ProgramNode, leaves: LeafNames): string | undefined {
  if (op === leafOps.input) return leaves.input(leaf);
  if (op === leafOps.read) return leaves.read(leaf);
  return op === leafOps.handle ? leaves.handle(leaf) : undefined;
}

/** layer/op/Op: what graph viewers group by. */
function nodeName({ scope, op }: ProgramNode): string {
  return [...scope, op]
    .map((part) => part.replaceAll(/[^A-Za-z0-9_.\\-]/g, '_'))
    .map((part, i) => (/^[A-Za-z0-9.]/.test(part) || i > 0 ? part : `n${part}`))
    .join('/');
}

/** A variable of a graph: its handle and the node that reads it. */
export function addVariable(
  graph: GraphDefBuilder,
  name: string,
  { sharedName, dtype, shape }: VariableNode,
): { readonly handle: string; readonly read: string } {
  const type = attr.type(dtype);
  const handle = graph.add({
    name: graph.uniqueName(name),
    op: 'VarHandleOp',
    attrs: { dtype: type, shape: attr.shape(shape), shared_name: attr.string(sharedName), container: attr.string('') },
  });
  return { handle, read: graph.add({ name: `${handle}/read`, op: 'ReadVariableOp', inputs: [handle], attrs: { dtype: type } }) };
}

export interface VariableNode {
  /** The variable's name in the session: handles of one shared name are one variable. */
  readonly sharedName: string;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
}
