import type { Edge, GraphProblem, LogicalGraph, OperatorNode } from '../graph.js';

export interface Chains {
  /** Operator ids of each chain, head first, in topological order. */
  readonly members: readonly (readonly number[])[];
  /** Chain of each operator, by operator id. */
  readonly chainOf: readonly number[];
  /** Edges inside chains, all forward. */
  readonly inner: readonly Edge[];
  /** Edges between chains, as the job asked for them. */
  readonly outer: readonly Edge[];
}

/**
 * Fuses operators into chains: an operator joins the chain of its only input where the edge allows it.
 *
 * @param fixed see PlanOptions.fixedChains
 */
export function formChains(graph: LogicalGraph, order: readonly number[], parallelism: readonly number[], fixed = false): Chains {
  const inner: Edge[] = [];
  const outer: Edge[] = [];
  for (const edge of graph.edges) {
    if (canChain(graph, edge, parallelism) && (!fixed || isAlwaysAsWide(graph, edge))) inner.push({ ...edge, exchange: { kind: 'forward' } });
    else outer.push(edge);
  }
  const upstream = new Map(inner.map((edge) => [edge.to, edge.from]));
  const members: number[][] = [];
  const chainOf: number[] = [];
  for (const id of order) {
    const from = upstream.get(id);
    const chain = from === undefined ? members.push([]) - 1 : (chainOf[from] as number);
    chainOf[id] = chain;
    (members[chain] as number[]).push(id);
  }
  return { members, chainOf, inner, outer };
}

/**
 * Whether batches may pass along this edge by call, in one subtask.
 *
 * Between single subtasks a hash exchange has only one way to go, so it is a forward. A rebalance or broadcast there is
 * kept: whoever asks for one at parallelism 1 wants the next operator on another thread.
 */
function canChain(graph: LogicalGraph, edge: Edge, parallelism: readonly number[]): boolean {
  const [from, to] = [graph.nodes[edge.from] as OperatorNode, graph.nodes[edge.to] as OperatorNode];
  if (edge.feedback || to.startsChain || from.role !== undefined || to.role !== undefined) return false;
  if (from.isolation !== to.isolation) return false;
  if (graph.edges.filter((other) => other.to === edge.to).length !== 1) return false;
  if (parallelism[edge.from] !== parallelism[edge.to]) return false;
  return edge.exchange.kind === 'forward' || (edge.exchange.kind === 'hash' && parallelism[edge.to] === 1);
}

/** Whether both ends have one parallelism whatever the job and its overrides say. */
function isAlwaysAsWide(graph: LogicalGraph, edge: Edge): boolean {
  if (edge.exchange.kind !== 'forward') return false;
  const [from, to] = [graph.nodes[edge.from] as OperatorNode, graph.nodes[edge.to] as OperatorNode];
  return edge.exchange.explicit === true || (from.parallelism === to.parallelism && from.maxParallelism === to.maxParallelism);
}

/**
 * Overrides by uid, each for the whole of its operator's fixed chain.
 *
 * @param problems gets chains with two different overrides
 */
export function overridesOfChains(
  graph: LogicalGraph,
  order: readonly number[],
  overrides: Readonly<Record<string, number>>,
  problems: GraphProblem[],
): Readonly<Record<string, number>> {
  const spread: Record<string, number> = { ...overrides };
  const same = graph.nodes.map(() => 1);
  for (const members of formChains(graph, order, same, true).members) {
    const nodes = members.map((id) => graph.nodes[id] as OperatorNode);
    const asked = nodes.filter(({ uid }) => overrides[uid] !== undefined);
    const [first] = asked;
    if (first === undefined) continue;
    const other = asked.find(({ uid }) => overrides[uid] !== overrides[first.uid]);
    if (other !== undefined)
      problems.push({
        operator: other.name,
        message: `parallelism ${overrides[other.uid]} where '${first.uid}' has ${overrides[first.uid]}: on this engine both run in one chain; give both the same`,
      });
    for (const { uid } of nodes) spread[uid] = overrides[first.uid] as number;
  }
  return spread;
}

/** The edge with the exchange that runs: an implied forward between unequal parallelisms becomes a rebalance. */
export function actualEdge(edge: Edge, parallelism: readonly number[]): Edge {
  if (edge.exchange.kind !== 'forward' || parallelism[edge.from] === parallelism[edge.to]) return edge;
  return { ...edge, exchange: { kind: 'rebalance' } };
}
