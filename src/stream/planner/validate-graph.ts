import { formatSchema } from '../../memory/schema.js';
import type { Edge, GraphProblem, LogicalGraph, OperatorNode } from '../graph.js';
import { schemaOf } from './needed-columns.js';
import type { Topology } from './topology.js';

/** Checks a graph by itself, before parallelism is known. */
export function findProblems(graph: LogicalGraph, { cycles }: Topology): GraphProblem[] {
  const problems = [...graph.problems, ...uidProblems(graph)];
  if (graph.nodes.length === 0) problems.push({ operator: undefined, message: 'build() added no operators; start with source(...)' });
  for (const cycle of cycles) {
    const path = cycle.map((id) => nodeOf(graph, id).name).join(' -> ');
    problems.push({ operator: nodeOf(graph, cycle[0] as number).name, message: `is in a cycle without a feedback edge: ${path}` });
  }
  for (const edge of graph.edges) problems.push(...columnProblems(graph, edge));
  for (const edge of graph.edges.filter(({ feedback }) => feedback)) {
    problems.push({
      operator: nodeOf(graph, edge.to).name,
      message: `reads a feedback edge from ${nodeOf(graph, edge.from).name}; iteration is not supported yet`,
    });
  }
  return problems;
}

/**
 * What works but is probably not meant.
 *
 * @param outer the edges that leave a subtask
 */
export function findWarnings(graph: LogicalGraph, outer: readonly Edge[]): GraphProblem[] {
  const warnings: GraphProblem[] = [];
  for (const node of graph.nodes) {
    if (node.kind === 'source' && !graph.edges.some((edge) => edge.from === node.id && edge.tag === undefined)) {
      warnings.push({ operator: node.name, message: 'nothing reads the records of this source; end its stream with to(sink)' });
    }
  }
  for (const edge of outer) {
    if (edge.exchange.kind === 'control' || schemaOf(graph, edge) !== undefined) continue;
    warnings.push({
      operator: nodeOf(graph, edge.from).name,
      message: `its rows have no schema and are serialized one by one on the way to ${nodeOf(graph, edge.to).name}; declare columns with map(schema, fn) or with(...) to send them as they are`,
    });
  }
  return warnings;
}

function uidProblems(graph: LogicalGraph): GraphProblem[] {
  return graph.nodes.flatMap((node) => {
    const first = graph.nodes.find((other) => other.uid === node.uid) as OperatorNode;
    return first === node ? [] : [{ operator: node.name, message: `has uid '${node.uid}', which ${first.name} has already; each operator needs its own` }];
  });
}

function columnProblems(graph: LogicalGraph, edge: Edge): GraphProblem[] {
  const schema = schemaOf(graph, edge);
  if (schema === undefined) return [];
  const node = nodeOf(graph, edge.to);
  const keys = edge.exchange.kind === 'hash' && 'columns' in edge.exchange.key ? edge.exchange.key.columns : [];
  const missing = new Set([...(node.reads?.[edge.input] ?? []), ...keys].filter((name) => !Object.hasOwn(schema, name)));
  const input = nodeOf(graph, edge.from).name;
  return [...missing].map((name) => ({
    operator: node.name,
    message: `reads column '${name}', which its input ${input} lacks; it has ${formatSchema(schema)}`,
  }));
}

function nodeOf(graph: LogicalGraph, id: number): OperatorNode {
  return graph.nodes[id] as OperatorNode;
}
