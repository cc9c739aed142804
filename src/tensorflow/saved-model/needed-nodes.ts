import type { GraphDef, NodeDef } from './generated/tensorflow.js';

/** The name of the node that an input, a tensor or a control dependency comes from. */
export function producerOf(input: string): string {
  return input.replace(/^\^/, '').replace(/:\d+$/, '');
}

/** The nodes that `roots` need, and these themselves, in the graph's order; names that it does not have are skipped. */
export function neededNodes(graph: GraphDef, roots: readonly string[]): NodeDef[] {
  const byName = new Map(graph.node.map((node) => [node.name, node]));
  const needed = new Set<string>();
  const queue = [...roots];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const node = byName.get(name);
    if (node === undefined || needed.has(name)) continue;
    needed.add(name);
    for (const input of node.input) queue.push(producerOf(input));
  }
  return graph.node.filter(({ name }) => needed.has(name));
}
