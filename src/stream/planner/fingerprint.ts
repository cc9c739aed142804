import { createHash } from 'node:crypto';
import { formatSchema, type Schema } from '../../memory/schema.js';
import type { Edge, Exchange, OperatorNode } from '../graph.js';
import type { JobGraph, JobVertex } from '../job-graph.js';

/** A planned graph as text that survives postMessage: one entry for each operator, with everything that must agree. */
export type GraphDescription = readonly { readonly uid: string; readonly text: string }[];

/** Describes a planned graph so that two threads can compare theirs. */
export function describeGraph({ vertices, edges }: Pick<JobGraph, 'vertices' | 'edges'>): GraphDescription {
  const all = [...vertices.flatMap((vertex) => vertex.inner), ...edges.map(({ edge }) => edge)];
  const uids = new Map(vertices.flatMap((vertex) => vertex.operators.map((node) => [node.id, node.uid])));
  const columns = new Map(edges.map((jobEdge) => [jobEdge.edge, jobEdge.columns]));
  return vertices.flatMap((vertex) =>
    vertex.operators.map((node) => {
      const inputs = all.filter((edge) => edge.to === node.id).sort((a, b) => a.input - b.input);
      const shown = inputs.map((edge) => describeEdge(edge, uids.get(edge.from) ?? '?', columns.get(edge)));
      return { uid: node.uid, text: [...describeOperator(node, vertex), ...shown].join('\n') };
    }),
  );
}

/** Hash over {@link describeGraph} and the key groups: 64 hex digits. */
export function fingerprintOf(graph: Pick<JobGraph, 'vertices' | 'edges' | 'keyGroups'>): string {
  return createHash('sha256')
    .update(JSON.stringify([graph.keyGroups, describeGraph(graph)]))
    .digest('hex');
}

/**
 * Says how two plans of one job differ, naming the first operator that does; undefined where they agree.
 *
 * @param expected the first thread's graph, or its description
 */
export function formatGraphDifference(expected: JobGraph | GraphDescription, actual: JobGraph | GraphDescription): string | undefined {
  const [a, b] = [expected, actual].map((graph) => ('vertices' in graph ? describeGraph(graph) : graph)) as [GraphDescription, GraphDescription];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [left, right] = [a[i], b[i]];
    if (left?.uid !== right?.uid) return `operator ${i + 1} is ${left?.uid ?? 'missing'} in one graph and ${right?.uid ?? 'missing'} in the other`;
    if (left !== undefined && right !== undefined && left.text !== right.text) return `operator ${left.uid} differs: ${firstDifference(left.text, right.text)}`;
  }
  return undefined;
}

function firstDifference(left: string, right: string): string {
  const [a, b] = [left.split('\n'), right.split('\n')];
  const at = a.length >= b.length ? a.findIndex((line, i) => line !== b[i]) : b.findIndex((line, i) => line !== a[i]);
  return `"${a[at] ?? 'nothing'}" in one graph, "${b[at] ?? 'nothing'}" in the other`;
}

function describeOperator(node: OperatorNode, vertex: JobVertex): string[] {
  const sides = Object.entries(node.sideOutputs).map(([tag, schema]) => `${tag}: ${describeSchema(schema)}`);
  return [
    `${node.kind} '${node.name}' x ${vertex.parallelism} in chain ${vertex.id}`,
    `makes ${describeSchema(node.schema)}`,
    ...(node.role === undefined ? [] : [`role ${node.role}`]),
    ...(node.isolation === 'thread' ? [] : [`in a ${node.isolation}`]),
    ...(sides.length === 0 ? [] : [`side outputs ${sides.join(', ')}`]),
    ...node.notes,
  ];
}

function describeEdge(edge: Edge, from: string, columns: readonly string[] | undefined): string {
  const stream = edge.tag === undefined ? from : `${from}[${edge.tag}]`;
  return `input ${edge.input} from ${stream} by ${formatExchange(edge.exchange)}${columns === undefined ? '' : ` of ${columns.join(', ')}`}`;
}

function describeSchema(schema: Schema | undefined): string {
  return schema === undefined ? 'rows without a schema' : formatSchema(schema);
}

/** 'forward', 'hash(origin)', 'hash(function)' */
export function formatExchange(exchange: Exchange): string {
  if (exchange.kind !== 'hash') return exchange.kind;
  return `hash(${'columns' in exchange.key ? exchange.key.columns.join(', ') : 'function'})`;
}
