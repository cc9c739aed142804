import { ProgramBuilder, type Program, type ProgramNode, type Value } from './program.js';

/**
 * What a node becomes: its outputs from other nodes, made with `builder`, or undefined to leave it. The node's inputs are
 * rewritten already.
 */
export type Rule = (node: ProgramNode, builder: ProgramBuilder) => readonly Value[] | undefined;

/** Applies rules to each node in order, the first that takes it wins, and drops what nothing needs any more. */
export function rewrite(program: Program, rules: readonly Rule[]): Program {
  const builder = new ProgramBuilder();
  const moved = new Map<ProgramNode, readonly Value[]>();
  const nodeOf = new Map<ProgramNode, ProgramNode>();
  const movedValue = ({ node, index }: Value): Value => moved.get(node)![index]!;
  for (const node of reachable(program)) {
    const next: ProgramNode = { ...node, inputs: node.inputs.map(movedValue), after: node.after.map((each) => nodeOf.get(each)!) };
    let made: readonly Value[] | undefined;
    for (const rule of rules) if ((made = rule(next, builder)) !== undefined) break;
    if (made === undefined) {
      const kept = next.constant === undefined ? builder.add(next) : builder.constant(next.constant, next.scope).node;
      made = (kept.outputs.length === 0 ? [] : kept.outputs).map((_, index) => ({ node: kept, index }));
      nodeOf.set(node, kept);
    } else if (made[0] !== undefined) nodeOf.set(node, made[0].node);
    moved.set(node, made);
  }
  return pruned({
    nodes: builder.nodes,
    outputs: program.outputs.map(movedValue),
    effects: program.effects.map((node) => nodeOf.get(node)!),
  });
}

/** The program without nodes that neither an output nor an effect needs. */
export function pruned(program: Program): Program {
  return { ...program, nodes: reachable(program) };
}

function reachable({ nodes, outputs, effects }: Program): ProgramNode[] {
  const needed = new Set<ProgramNode>([...outputs.map(({ node }) => node), ...effects]);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (!needed.has(node)) continue;
    for (const { node: from } of node.inputs) needed.add(from);
    for (const each of node.after) needed.add(each);
  }
  return nodes.filter((node) => needed.has(node));
}
