import type { LogicalGraph } from '../graph.js';

export interface Topology {
  /** Operator ids, each after everything it reads; operators of a cycle are left out. */
  readonly order: readonly number[];
  /** Each undeclared cycle as a path that ends where it began. */
  readonly cycles: readonly (readonly number[])[];
}

/** Orders operators along the stream (ids need not: a control edge may lead back to an earlier one) and finds cycles. */
export function topologyOf(graph: LogicalGraph): Topology {
  const state = new Map<number, 'open' | 'done'>();
  const cycles: number[][] = [];
  const inCycle = new Set<number>();
  const order: number[] = [];
  const visit = (id: number, path: readonly number[]): void => {
    if (state.get(id) === 'done') return;
    if (state.get(id) === 'open') {
      // Visits run against the stream; the reader wants to follow it.
      const cycle = [...path.slice(path.indexOf(id)), id].reverse();
      cycles.push(cycle);
      for (const member of cycle) inCycle.add(member);
      return;
    }
    state.set(id, 'open');
    for (const edge of graph.edges) if (edge.to === id && !edge.feedback) visit(edge.from, [...path, id]);
    state.set(id, 'done');
    order.push(id);
  };
  for (const node of graph.nodes) visit(node.id, []);
  return { order: order.filter((id) => !inCycle.has(id)), cycles };
}
