import type { Schema } from '../../memory/schema.js';
import type { Edge, LogicalGraph, OperatorNode } from '../graph.js';

/** Columns wanted of a stream: a set of names, or all of them. */
type Demand = ReadonlySet<string> | 'all';

/**
 * For each edge, the columns that its consumer or anything behind it needs, in schema order; undefined: all of them.
 *
 * An operator needs of an input what it reads and, where it passes columns on, what is needed of its outputs. Walking
 * against the stream gives the fewest columns that have to cross each exchange.
 *
 * @param order operator ids along the stream
 */
export function neededColumns(graph: LogicalGraph, order: readonly number[]): ReadonlyMap<Edge, readonly string[] | undefined> {
  const needed = new Map<Edge, readonly string[] | undefined>();
  const ofOutputs = graph.nodes.map((): Demand => new Set());
  for (const id of [...order].reverse()) {
    for (const edge of graph.edges.filter(({ to }) => to === id)) {
      const demand = demandOnInput(graph.nodes[id] as OperatorNode, edge, ofOutputs[id] as Demand);
      needed.set(edge, edge.exchange.kind === 'control' ? undefined : selection(demand, schemaOf(graph, edge)));
      ofOutputs[edge.from] = union(ofOutputs[edge.from] as Demand, demand);
    }
  }
  return needed;
}

/** Schema of the stream that an edge carries. */
export function schemaOf(graph: LogicalGraph, edge: Edge): Schema | undefined {
  const from = graph.nodes[edge.from] as OperatorNode;
  return edge.tag === undefined ? from.schema : from.sideOutputs[edge.tag];
}

function demandOnInput(node: OperatorNode, edge: Edge, ofOutputs: Demand): Demand {
  if (edge.exchange.kind === 'control') return new Set();
  const reads = node.reads?.[edge.input];
  if (reads === undefined) return 'all';
  // The sender takes the key to choose a target, and the receiver takes it again to find the state.
  const own = union(new Set(reads), keyColumns(edge));
  return node.passesColumns ? union(own, ofOutputs) : own;
}

function keyColumns({ exchange }: Edge): Demand {
  if (exchange.kind !== 'hash') return new Set();
  return 'columns' in exchange.key ? new Set(exchange.key.columns) : 'all';
}

function union(a: Demand, b: Demand): Demand {
  return a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b]);
}

function selection(demand: Demand, schema: Schema | undefined): readonly string[] | undefined {
  if (demand === 'all' || schema === undefined) return undefined;
  const names = Object.keys(schema);
  const wanted = names.filter((name) => demand.has(name));
  if (wanted.length === names.length) return undefined;
  return wanted.length > 0 ? wanted : names.slice(0, 1).map(() => cheapest(schema));
}

/** Rows are counted by their columns; where none is wanted, the narrowest carries the count. */
function cheapest(schema: Schema): string {
  const cost = (name: string): number => costOf[(schema[name] as Schema[string]).dtype] ?? 4;
  return Object.keys(schema).reduce((best, name) => (cost(name) < cost(best) ? name : best));
}

const costOf: Readonly<Record<string, number>> = {
  bool: 0,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  float16: 2,
  int64: 8,
  timestamp: 8,
  float64: 8,
  vector: 16,
  string: 32,
  bytes: 32,
  list: 32,
};
